-- Pictures that models made: what lies in files beside the database (core/picture_file.c). Comes with the end of its call.
CREATE TABLE image_file (
    call_id {blob} NOT NULL, -- ai_call.id
    n INTEGER NOT NULL, -- from 1 on
    site_id BIGINT NOT NULL,
    media_type TEXT NOT NULL, -- by the bytes: image/png, image/jpeg, image/webp
    bytes BIGINT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    sha256 TEXT NOT NULL, -- of the file
    alt TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    delete_at BIGINT NOT NULL DEFAULT 0, -- ms: file and row go then; 0: with the call's content
    PRIMARY KEY (call_id, n)
);
CREATE INDEX image_file_delete_at ON image_file (delete_at) WHERE delete_at > 0;

-- What a picture costs, beside tokens and tries.
ALTER TABLE model_price ADD COLUMN image BIGINT NOT NULL DEFAULT 0;
