-- What the next version might add: what is allowed (src/store/README.md), in the tables that every call and task writes.
CREATE TABLE next_thing (id {serial}, name TEXT NOT NULL);
ALTER TABLE ai_call ADD COLUMN next_note TEXT;
ALTER TABLE ai_call_end ADD COLUMN next_count BIGINT NOT NULL DEFAULT 7;
ALTER TABLE workflow_task ADD COLUMN next_flag BIGINT NOT NULL DEFAULT 0;
CREATE INDEX next_by_note ON ai_call (next_note);
INSERT INTO next_thing (name) VALUES ('made by the next version');
