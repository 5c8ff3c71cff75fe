-- Who asked for a task wanted nothing of the response cache (core/answer_cache.h).
ALTER TABLE workflow_task ADD COLUMN no_store BIGINT NOT NULL DEFAULT 0;
