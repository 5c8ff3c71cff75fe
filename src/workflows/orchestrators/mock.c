/* Orchestrators that ask no model: for trying out pages and networks. */
#include "base/clock.h"
#include "workflows/orchestrator.h"

enum { PIECE = 15 /* bytes */, PAUSE_MS = 10 };

static enum lt_code respond(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    char time[25];
    (void)err;
    lt_run_start(run);
    lt_time_format(lt_now_ms(), time);
    lt_jw_obj(response);
    lt_jw_kstr(response, "response", lt_printf(run->request->arena, "Mock response for %.*s at %s", LT_FMT(run->request->action), time));
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
    return LT_OK;
}

static const struct lt_orchestrator_action respond_actions[] = {{"run", respond}, {NULL, NULL}};
extern const struct lt_orchestrator lt_mock_response;
const struct lt_orchestrator lt_mock_response = {.class_name = "MockResponse", .actions = respond_actions, .asks_no_model = true};

static const char story[] =
    "A drop of rain fell on a hill. It ran into a brook, the brook into a river, and the river into the sea. There the sun warmed it "
    "until it rose as vapour, the wind carried it inland, and over the same hill it fell again. Nobody asked a model for this text; it "
    "comes in small pieces, so that a page can show how an answer grows.";

static enum lt_code stream(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    lt_run_start(run);
    for (size_t at = 0, n = sizeof(story) - 1; at < n; at += PIECE) {
        if (at > 0 && run->request->stream && lt_fiber_sleep(PAUSE_MS))
            return lt_fail(err, LT_ECANCELLED, "the caller left");
        if (lt_run_text(run, (struct lt_str){story + at, n - at < PIECE ? n - at : PIECE}, err))
            return err->code;
    }
    lt_jw_obj(response);
    lt_jw_kstrz(response, "response", story);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
    return LT_OK;
}

static const struct lt_orchestrator_action stream_actions[] = {{"run", stream}, {NULL, NULL}};
extern const struct lt_orchestrator lt_mock_stream_response;
const struct lt_orchestrator lt_mock_stream_response = {.class_name = "MockStreamResponse", .actions = stream_actions, .always_streams = true, .asks_no_model = true};
