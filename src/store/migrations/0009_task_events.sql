-- What those who follow a task are told, in order (workflows/task_event.c). Its end is not among it: that is in the task's row. Goes with the task.
CREATE TABLE workflow_task_event (
    task_id BIGINT NOT NULL,
    number BIGINT NOT NULL, -- from 1, without a gap
    kind TEXT NOT NULL, -- status, tool
    state TEXT NOT NULL, -- of the task: queued, running; of the tool: running, done, failed
    text TEXT NOT NULL, -- the message; the tool's name
    fraction DOUBLE PRECISION, -- null: not known
    PRIMARY KEY (task_id, number)
) {clustered};
