-- What courses are searched by (content/search_*.c). A piece belongs to a text, that is a block's id and sha256, and not to a revision: what an
-- import leaves as it was stays as it is. Pieces of texts that are not in the revision that learners see are not found. `course` is the id of a row
-- that may be gone already: whoever removes a course need not know of its index, which the indexer removes then.
CREATE TABLE course_chunk (
    id {serial},
    course BIGINT NOT NULL,
    block_id TEXT NOT NULL,
    sha256 TEXT NOT NULL, -- of the block, as course_block has it
    unit_name TEXT NOT NULL, -- that its terms are made with
    seq BIGINT NOT NULL, -- 0, 1, … in the block
    begins BIGINT NOT NULL, -- bytes of the block's text
    bytes BIGINT NOT NULL,
    heading TEXT NOT NULL,
    names TEXT NOT NULL, -- terms of unit, block and heading, with spaces between
    terms TEXT NOT NULL, -- of the text
    UNIQUE (course, block_id, sha256, seq)
);

-- Of length 1. Floats of four bytes, little-endian, one behind the other.
CREATE TABLE course_vector (
    course BIGINT NOT NULL,
    chunk BIGINT NOT NULL REFERENCES course_chunk(id),
    model TEXT NOT NULL,
    dimension BIGINT NOT NULL,
    vector {blob} NOT NULL,
    PRIMARY KEY (course, chunk)
);

-- How far the index of a course is.
CREATE TABLE course_index (
    course BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL, -- whose texts are all in it; 0: of none
    source TEXT NOT NULL DEFAULT '', -- of the vectors: provider instance and model as it is set up; '': they are to be made anew
    model TEXT NOT NULL DEFAULT '', -- as the vendor names it; '': there are no vectors
    dimension BIGINT NOT NULL DEFAULT 0,
    embedded_revision BIGINT NOT NULL DEFAULT 0, -- all of whose pieces have vectors
    error TEXT NOT NULL DEFAULT '', -- code of what went wrong the last time
    why TEXT NOT NULL DEFAULT '', -- for administrators
    retry_at BIGINT NOT NULL DEFAULT 0, -- ms: not before
    updated_at BIGINT NOT NULL
);
