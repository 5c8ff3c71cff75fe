-- Who is what in which course (core/course_role.c). course_id '' stands for the whole site.
CREATE TABLE course_role (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    user_id TEXT NOT NULL,
    course_id TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    seen BIGINT NOT NULL, -- mark of the import that named it last: what a replacing import has not marked goes
    UNIQUE (site_id, user_id, course_id, role)
);
