-- Courses imported from files (content/). What learners see is the revision that `revision` names; an import writes the next one and then moves it.
-- Rows of other revisions are an import that goes on, as long as importing_until is to come, or what was left of one.
CREATE TABLE course (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    course_id TEXT NOT NULL, -- as the LMS names it in contexts
    title TEXT NOT NULL,
    language TEXT NOT NULL DEFAULT '', -- BCP 47
    format TEXT NOT NULL, -- olx, common_cartridge, moodle_backup
    about TEXT NOT NULL DEFAULT '{}', -- JSON: texts of LT_COURSE_FIELDS (core/connector.h)
    sha256 TEXT NOT NULL, -- of the file
    revision BIGINT NOT NULL, -- 0: no import has ended yet
    imported_at BIGINT NOT NULL,
    blocks BIGINT NOT NULL DEFAULT 0, -- rows of the revision
    warnings TEXT NOT NULL DEFAULT '[]', -- JSON: what the import left out and why
    last_revision BIGINT NOT NULL DEFAULT 0, -- that was begun
    importing_until BIGINT NOT NULL DEFAULT 0, -- ms; 0: nobody writes the next one
    UNIQUE (site_id, course_id)
);

-- Everything below a course, in its order; a course without units has none.
CREATE TABLE course_block (
    course BIGINT NOT NULL REFERENCES course(id),
    revision BIGINT NOT NULL,
    position BIGINT NOT NULL, -- 0, 1, … parents before children
    parent BIGINT NOT NULL, -- its position; -1: the course
    ending BIGINT NOT NULL DEFAULT -1, -- position of the last one in it, or its own: what lies in it is what stands between
    kind TEXT NOT NULL, -- chapter, sequence, unit, block
    block_id TEXT NOT NULL, -- as the LMS names it: location_id of contexts
    category TEXT NOT NULL, -- html, problem, video, page, …
    display_name TEXT NOT NULL,
    text TEXT NOT NULL, -- plain; '' but for blocks
    answers TEXT NOT NULL DEFAULT '', -- of a problem
    showanswer TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '', -- where a browser finds it, when the source says
    hidden BIGINT NOT NULL DEFAULT 0, -- 1: only who teaches sees it and what lies in it
    visible_from BIGINT NOT NULL DEFAULT 0, -- ms; 0: always
    visible_until BIGINT NOT NULL DEFAULT 0, -- ms; 0: for ever
    groups TEXT NOT NULL DEFAULT '', -- JSON array of names of which a learner needs one; '': none
    sha256 TEXT NOT NULL, -- of name, text and answers: what has changed between revisions
    PRIMARY KEY (course, revision, position)
);
CREATE INDEX course_block_id ON course_block (course, revision, block_id);
