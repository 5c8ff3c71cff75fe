-- What a model had tools do (workflows/tool_loop.c): added when a round of tools has ended, under the call in which the model asked for them.
CREATE TABLE tool_call (
    call_id {blob} NOT NULL, -- ai_call.id
    position BIGINT NOT NULL, -- from 1, as the model listed them
    name TEXT NOT NULL, -- '' for a tool that was not offered, where the site keeps no content
    arguments TEXT NOT NULL, -- as the model wrote them, cut at 16 KiB; '' where the site keeps no content
    state TEXT NOT NULL, -- done, failed
    code TEXT NOT NULL, -- of the error, '' when done
    duration_ms BIGINT NOT NULL,
    result_bytes BIGINT NOT NULL, -- of what the tool gave, before it was cut; 0 when it failed
    PRIMARY KEY (call_id, position)
) {clustered};
