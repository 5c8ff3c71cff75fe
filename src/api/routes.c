/*
 * The route table: dispatch, permission checks, request checks and openapi.json all come from it. A literal segment goes before a
 * parameter when it stands earlier in the table.
 */
#include "api/routes.h"

#define CONTEXT                                                                                                              \
    "\"context\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"                                       \
    "\"course_id\":{\"type\":\"string\",\"maxLength\":255},\"location_id\":{\"type\":\"string\",\"maxLength\":255},"         \
    "\"placement\":{\"type\":\"string\",\"maxLength\":64}}}"
#define USER                                                                                                                 \
    "\"user\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"id\"],\"properties\":{"                    \
    "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"                                                        \
    "\"roles\":{\"type\":\"array\",\"maxItems\":64,\"items\":{\"type\":\"string\",\"maxLength\":64}},"                       \
    "\"locale\":{\"type\":\"string\",\"maxLength\":35},\"name\":{\"type\":\"string\",\"maxLength\":255}}}"
#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define LIST_OF(name) OBJECT("\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}")
#define TIME "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define COUNT "{\"type\":[\"integer\",\"null\"]}"

static const char action_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"input\"],\"properties\":{" CONTEXT "," USER ","
    "\"input\":{\"type\":\"object\"},\"provider\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128},"
    "\"stream\":{\"type\":\"boolean\"}}}";
static const char answer[] = OBJECT(
    "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"action\":{\"type\":\"string\"},\"state\":{\"type\":\"string\"},"
    "\"success\":{\"type\":\"boolean\"},\"response\":{\"type\":\"object\"},\"error\":{\"type\":\"object\"},"
    "\"provider\":" OBJECT("\"id\":{\"type\":\"integer\"},\"name\":{\"type\":\"string\"},\"plugin\":{\"type\":\"string\"}") ","
    "\"model\":{\"type\":\"string\"},\"content_stored\":{\"type\":\"boolean\"},"
    "\"usage\":" OBJECT("\"prompt_tokens\":" COUNT ",\"completion_tokens\":" COUNT ",\"total_tokens\":" COUNT) ","
    "\"attempts\":{\"type\":\"array\",\"items\":" OBJECT("\"provider\":{\"type\":\"string\"},\"success\":{\"type\":\"boolean\"},"
    "\"code\":{\"type\":\"string\"},\"duration_ms\":{\"type\":\"integer\"}") "},"
    "\"created_at\":" TIME ",\"completed_at\":" TIME);
static const char policy[] = OBJECT("\"accepted\":{\"type\":\"boolean\"},\"version\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"},\"accepted_at\":" TIME);
static const char policy_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"accepted\",\"version\"],\"properties\":{"
    "\"accepted\":{\"const\":true},\"version\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}," CONTEXT "," USER "}}";
#define PROVIDER_MEMBERS                                                                                                     \
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},\"enabled\":{\"type\":\"boolean\"},"                    \
    "\"config\":{\"type\":\"object\"},\"actions\":{\"type\":\"object\"}"
static const char provider[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"plugin\":{\"type\":\"string\"},\"configured\":{\"type\":\"boolean\"},"
           "\"reason\":{\"type\":[\"string\",\"null\"]}," PROVIDER_MEMBERS);
static const char provider_post[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\",\"plugin\"],\"properties\":{"
                                    "\"plugin\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}," PROVIDER_MEMBERS "}}";
static const char provider_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" PROVIDER_MEMBERS "}}";
static const char order_request[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ids\"],\"properties\":{\"ids\":{"
                                    "\"type\":\"array\",\"maxItems\":256,\"uniqueItems\":true,\"items\":{\"type\":[\"integer\",\"string\"]}}}}";
static const char placement[] =
    OBJECT("\"name\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"
           "\"enabled\":{\"type\":\"boolean\"},\"actions\":{\"type\":\"array\",\"items\":" OBJECT(
               "\"name\":{\"type\":\"string\"},\"enabled\":{\"type\":\"boolean\"}") "}");
static const char placement_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{\"enabled\":{\"type\":\"boolean\"},"
    "\"actions\":{\"type\":\"object\",\"maxProperties\":64,\"additionalProperties\":{\"type\":\"boolean\"}}}}";
static const char switch_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"course_id\",\"enabled\"],\"properties\":{"
    "\"course_id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},\"location_id\":{\"type\":\"string\",\"maxLength\":255},"
    "\"action\":{\"type\":\"string\",\"maxLength\":64},\"enabled\":{\"type\":[\"boolean\",\"null\"]}," USER "}}";
static const char role[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"user_id\":{\"type\":\"string\"},\"course_id\":{\"type\":\"string\"},"
           "\"role\":{\"type\":\"string\"},\"created_at\":" TIME ",\"created_by\":{\"type\":\"string\"}");
static const char role_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"user_id\",\"role\"],\"properties\":{"
    "\"user_id\":{\"type\":\"string\"},\"course_id\":{\"type\":\"string\"},\"role\":{\"type\":\"string\"}," USER "}}";
static const char role_import[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"rows\"],\"properties\":{\"replace\":{\"type\":\"boolean\"}," USER ","
    "\"rows\":{\"type\":\"array\",\"maxItems\":50000,\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"user_id\",\"role\"],\"properties\":{"
    "\"user_id\":{\"type\":\"string\"},\"course_id\":{\"type\":\"string\"},\"role\":{\"type\":\"string\"}}}}}}";
#define SCOPE_MEMBERS                                                                                                        \
    "\"profile_id\":{\"type\":[\"integer\",\"string\"],\"maxLength\":255},\"course_id\":{\"type\":[\"string\",\"null\"]},"       \
    "\"location_regex\":{\"type\":[\"string\",\"null\"]},\"ui_slot_selector_id\":{\"type\":[\"string\",\"null\"]},"             \
    "\"service_variant\":{\"type\":\"string\"},\"enabled\":{\"type\":\"boolean\"}"
static const char scope[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"uuid\":{\"type\":\"string\"},\"service_variant_label\":{\"type\":\"string\"},"
           "\"specificity_index\":{\"type\":\"integer\"},\"warnings\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}," SCOPE_MEMBERS);
static const char scope_post[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"profile_id\"],\"properties\":{" SCOPE_MEMBERS "}}";
static const char scope_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" SCOPE_MEMBERS "}}";
static const char status[] = OBJECT("\"status\":{\"type\":\"string\"}");
static const char cancelled[] = OBJECT("\"id\":{\"type\":\"string\"},\"cancelled\":{\"type\":\"boolean\"},\"state\":{\"type\":\"string\"}");

#define PROFILE_MEMBERS                                                                                                      \
    "\"slug\":{\"type\":\"string\"},\"description\":{\"type\":[\"string\",\"null\"]},\"base_filepath\":{\"type\":\"string\"},"            \
    "\"content_patch\":{\"type\":[\"string\",\"object\"]}"
static const char profile[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"uuid\":{\"type\":\"string\"},\"version\":{\"type\":\"integer\"},\"valid\":{\"type\":\"boolean\"}," PROFILE_MEMBERS);
static const char profile_post[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"slug\",\"base_filepath\"],\"properties\":{" PROFILE_MEMBERS "}}";
static const char profile_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" PROFILE_MEMBERS "}}";
static const char profile_validate[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"base_filepath\"],\"properties\":{\"base_filepath\":{\"type\":\"string\"},"
    "\"content_patch\":{\"type\":[\"string\",\"object\"]}}}";
#define PROMPT_MEMBERS "\"slug\":{\"type\":\"string\"},\"body\":{\"type\":\"string\"}"
static const char prompt[] = OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"version\":{\"type\":\"integer\"}," PROMPT_MEMBERS);
static const char prompt_post[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"slug\",\"body\"],\"properties\":{" PROMPT_MEMBERS "}}";
static const char prompt_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" PROMPT_MEMBERS "}}";

#define CONTEXT_TEXT "{\"type\":[\"string\",\"null\"]}"
static const char workflow_run[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"profile\":{\"type\":[\"string\",\"integer\"]},"
    "\"context\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"course_id\":" CONTEXT_TEXT ",\"courseId\":" CONTEXT_TEXT
    ",\"location_id\":" CONTEXT_TEXT ",\"locationId\":" CONTEXT_TEXT ",\"ui_slot_selector_id\":" CONTEXT_TEXT ",\"uiSlotSelectorId\":" CONTEXT_TEXT
    ",\"service_variant\":" CONTEXT_TEXT ",\"serviceVariant\":" CONTEXT_TEXT ",\"placement\":{\"type\":\"string\",\"maxLength\":64},"
    "\"content\":{\"type\":\"string\",\"maxLength\":1048576}}},\"action\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},"
    "\"user_input\":{},\"stream\":{\"type\":\"boolean\"},\"async\":{\"type\":\"boolean\"}," USER "}}";
static const char workflow_answer[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"profile\":{\"type\":\"string\"},\"scope_id\":" COUNT
           ",\"session_id\":{\"type\":[\"string\",\"null\"]},\"action\":{\"type\":\"string\"},\"success\":{\"type\":\"boolean\"},"
           "\"response\":{\"type\":\"object\"},\"calls\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
           "\"usage\":" OBJECT("\"prompt_tokens\":" COUNT ",\"completion_tokens\":" COUNT ",\"total_tokens\":" COUNT) ","
           "\"created_at\":" TIME ",\"completed_at\":" TIME);

static const char task[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"number\":{\"type\":\"integer\"},"
           "\"state\":{\"enum\":[\"queued\",\"running\",\"completed\",\"failed\",\"timeout\",\"cancelled\"]},"
           "\"progress\":" OBJECT("\"message\":{\"type\":\"string\"},\"fraction\":{\"type\":\"number\"}") ",\"user_id\":{\"type\":\"string\"},"
           "\"profile\":{\"type\":\"string\"},\"scope_id\":" COUNT ",\"course_id\":" CONTEXT_TEXT ",\"location_id\":" CONTEXT_TEXT
           ",\"action\":{\"type\":\"string\"},\"attempt\":{\"type\":\"integer\"},\"created_at\":" TIME ",\"started_at\":" TIME
           ",\"completed_at\":" TIME ",\"result\":{\"type\":\"object\"},\"error\":" OBJECT("\"code\":{\"type\":\"string\"},"
           "\"title\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}"));
static const char session[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"number\":{\"type\":\"integer\"},\"user_id\":{\"type\":\"string\"},"
           "\"profile_id\":{\"type\":\"integer\"},\"scope_id\":" COUNT ",\"course_id\":" CONTEXT_TEXT ",\"location_id\":" CONTEXT_TEXT
           ",\"turns\":{\"type\":\"integer\"},\"turns_cleared\":{\"type\":\"integer\"},\"created_at\":" TIME ",\"updated_at\":" TIME);

/* The Open edX door: unknown members are ignored, as Django does. */
static const char openedx_run[] =
    "{\"type\":\"object\",\"required\":[\"action\"],\"properties\":{\"action\":{\"type\":\"string\",\"minLength\":1},\"user_input\":{},"
    "\"timestamp\":{},\"request_id\":{}}}";
static const char openedx_profile[] = OBJECT("\"course_id\":{\"type\":[\"string\",\"null\"]},\"ui_components\":{\"type\":\"object\"},"
                                             "\"status\":{\"const\":\"no_config\"},\"timestamp\":" TIME);
static const char openedx_prompt[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"slug\":{\"type\":\"string\"},\"body\":{\"type\":\"string\"},"
           "\"created_at\":" TIME ",\"updated_at\":" TIME ",\"usage\":" OBJECT("\"profile_count\":{\"type\":\"integer\"}"));

const struct lt_route lt_routes[] = {
    {"POST", "/v1/actions/{name}", "caller", "Run an action.", action_request, answer, LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS,
     lt_post_action},
    {"GET", "/v1/actions", "caller", "The actions, and which of them the caller can use here.", NULL, LIST_OF("actions"), 0, 0, lt_get_actions},
    {"GET", "/v1/actions/calls/{id}", "caller", "State or answer of a call.", NULL, answer, 0, 0, lt_get_call},
    {"DELETE", "/v1/actions/calls/{id}", "caller", "Cancel a call.", NULL, cancelled, 0, 0, lt_delete_call},
    {"GET", "/v1/actions/calls/{id}/stream", "caller", "Follow or resume the stream of a call.", NULL, NULL, 0, LT_ROUTE_STREAMS, lt_get_call_stream},
    {"GET", "/v1/policy", "policy", "The policy, and whether the user has accepted it.", NULL, policy, 0, LT_ROUTE_COOKIES, lt_get_policy},
    {"PUT", "/v1/policy", "policy", "Accept the policy for the user.", policy_request, policy, LT_BODY_SMALL, LT_ROUTE_COOKIES, lt_put_policy},
    {"DELETE", "/v1/policy", "policy", "Withdraw the acceptance.", NULL, policy, 0, LT_ROUTE_COOKIES, lt_delete_policy},
    {"GET", "/v1/provider-plugins", "manage_providers", "Kinds of providers with their settings.", NULL, LIST_OF("plugins"), 0, 0,
     lt_get_provider_plugins},
    {"GET", "/v1/providers", "manage_providers", "Provider instances in order; with ?action= the reasons for exclusion.", NULL,
     LIST_OF("providers"), 0, 0, lt_get_providers},
    {"POST", "/v1/providers", "manage_providers", "Add a provider instance.", provider_post, provider, LT_BODY_SMALL, 0, lt_post_provider},
    {"PUT", "/v1/providers/order", "manage_providers", "Set the order.", order_request, LIST_OF("providers"), LT_BODY_SMALL, 0,
     lt_put_provider_order},
    {"GET", "/v1/providers/{id}", "manage_providers", "One provider instance, by id or name.", NULL, provider, 0, 0, lt_get_provider},
    {"PATCH", "/v1/providers/{id}", "manage_providers", "Change it (merge patch; secrets that are not sent stay).", provider_patch, provider,
     LT_BODY_SMALL, 0, lt_patch_provider},
    {"POST", "/v1/providers/{id}/test", "manage_providers", "Ask it something small, live; 200 with success false when the vendor fails.",
     "{\"type\":\"object\",\"additionalProperties\":false}",
     OBJECT("\"success\":{\"type\":\"boolean\"},\"id\":{\"type\":\"string\"},\"action\":{\"type\":\"string\"},\"model\":{\"type\":\"string\"},"
            "\"duration_ms\":{\"type\":\"integer\"},\"response\":{\"type\":\"object\"},\"error\":{\"type\":\"object\"}"),
     LT_BODY_SMALL, LT_ROUTE_COSTS_MONEY, lt_post_provider_test},
    {"GET", "/v1/providers/{id}/models", "manage_providers", "The models that the vendor lists now.", NULL,
     OBJECT("\"models\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), 0, 0, lt_get_provider_models},
    {"DELETE", "/v1/providers/{id}", "manage_providers", "Remove it.", NULL, NULL, 0, 0, lt_delete_provider},
    {"GET", "/v1/placements", "caller", "The placements and what is on in them.", NULL, LIST_OF("placements"), 0, 0, lt_get_placements},
    {"GET", "/v1/placements/{name}", "caller", "One placement.", NULL, placement, 0, 0, lt_get_placement},
    {"PUT", "/v1/placements/{name}", "manage_placements", "Switch a placement or its actions.", placement_put, placement, LT_BODY_SMALL, 0,
     lt_put_placement},
    {"GET", "/v1/switches", "manage_switches", "Switches of courses and locations.", NULL, LIST_OF("switches"), 0, 0, lt_get_switches},
    {"PUT", "/v1/switches", "manage_switches", "Set a switch; null removes it.", switch_put, LIST_OF("switches"), LT_BODY_SMALL, 0, lt_put_switch},
    {"POST", "/v1/workflows/run", "caller", "Run a workflow: a profile, or what a context leads to. With `async` 202 {task_id}.", workflow_run, workflow_answer, LT_BODY_ACTION,
     LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS, lt_post_workflow_run},
    {"GET", "/v1/tasks", "caller", "Background tasks, newest first: one's own, or all of the site; ?state and ?user choose, ?before and ?limit page.", NULL,
     OBJECT("\"tasks\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_tasks},
    {"GET", "/v1/tasks/{id}", "caller", "One of them, with its result.", NULL, task, 0, 0, lt_get_task},
    {"DELETE", "/v1/tasks/{id}", "caller", "Cancel it.", NULL, cancelled, 0, 0, lt_delete_task},
    {"GET", "/v1/tasks/{id}/events", "caller", "Follow it: events status, then done or error.", NULL, NULL, 0, LT_ROUTE_STREAMS, lt_get_task_events},
    {"GET", "/v1/roles", "manage_roles", "Who is what in which course, by id; ?user and ?course_id choose, ?after and ?limit page.", NULL,
     OBJECT("\"roles\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_roles},
    {"PUT", "/v1/roles", "manage_roles", "Give a user a role in a course, or in the whole site.", role_put, role, LT_BODY_SMALL, 0, lt_put_role},
    {"GET", "/v1/roles/mine", "caller", "The roles that the caller has in ?course_id.", NULL,
     OBJECT("\"course_id\":{\"type\":\"string\"},\"roles\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), 0, 0, lt_get_my_roles},
    {"POST", "/v1/roles/import", "manage_roles", "Give many at once; with `replace` all others are taken. A refusal lists all `errors`.", role_import,
     OBJECT("\"rows\":{\"type\":\"integer\"}"), LT_BODY_ACTION, 0, lt_post_role_import},
    {"DELETE", "/v1/roles/{id}", "manage_roles", "Take one.", NULL, NULL, 0, 0, lt_delete_role},
    {"GET", "/v1/templates", "manage_workflows", "The templates that profiles patch.", NULL, LIST_OF("templates"), 0, 0, lt_get_templates},
    {"GET", "/v1/templates/{path*}", "manage_workflows", "One template: its text, its configuration, what is wrong with it.", NULL, OBJECT(""), 0, 0,
     lt_get_template},
    {"GET", "/v1/profiles", "manage_workflows", "The profiles, by slug; with a context in the query those that a scope leads to, each with matched_scopes.",
     NULL, LIST_OF("profiles"), 0, 0, lt_get_profiles},
    {"POST", "/v1/profiles", "manage_workflows", "Add a profile; a refusal lists all `errors`.", profile_post, profile, 2 * LT_BODY_SMALL, 0, lt_post_profile},
    {"POST", "/v1/profiles/validate", "manage_workflows", "What a template and a patch would make.", profile_validate,
     OBJECT("\"valid\":{\"type\":\"boolean\"},\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), 2 * LT_BODY_SMALL, 0,
     lt_post_profile_validate},
    {"GET", "/v1/profiles/{id}", "manage_workflows", "One profile, by number, UUID or slug; secrets are redacted.", NULL, profile, 0, 0, lt_get_profile},
    {"PATCH", "/v1/profiles/{id}", "manage_workflows", "Change it; a refusal lists all `errors`.", profile_patch, profile, 2 * LT_BODY_SMALL, 0,
     lt_patch_profile},
    {"DELETE", "/v1/profiles/{id}", "manage_workflows", "Remove it with its scopes and conversations.", NULL, NULL, 0, 0, lt_delete_profile},
    {"GET", "/v1/profiles/{id}/history", "manage_workflows", "Its versions, newest first.", NULL, LIST_OF("versions"), 0, 0, lt_get_profile_history},
    {"GET", "/v1/profiles/{id}/diff", "manage_workflows", "What differs between ?from and ?to; by default the last change.", NULL,
     LIST_OF("changes"), 0, 0, lt_get_profile_diff},
    {"GET", "/v1/profiles/{id}/usage", "manage_workflows", "The scopes that use it.", NULL, LIST_OF("scopes"), 0, 0, lt_get_profile_usage},
    {"GET", "/v1/prompts", "manage_workflows", "The prompt templates, by slug.", NULL, LIST_OF("prompts"), 0, 0, lt_get_prompts},
    {"POST", "/v1/prompts", "manage_workflows", "Add a prompt template.", prompt_post, prompt, LT_BODY_SMALL, 0, lt_post_prompt},
    {"GET", "/v1/prompts/{id}", "manage_workflows", "One prompt template, by slug or id.", NULL, prompt, 0, 0, lt_get_prompt},
    {"PATCH", "/v1/prompts/{id}", "manage_workflows", "Change it.", prompt_patch, prompt, LT_BODY_SMALL, 0, lt_patch_prompt},
    {"DELETE", "/v1/prompts/{id}", "manage_workflows", "Remove it, when no profile uses it.", NULL, NULL, 0, 0, lt_delete_prompt},
    {"GET", "/v1/prompts/{id}/history", "manage_workflows", "Its versions, newest first.", NULL, LIST_OF("versions"), 0, 0, lt_get_prompt_history},
    {"GET", "/v1/scopes", "manage_workflows", "Scopes by id; ?profile_id and ?course_id choose, ?after and ?limit page.", NULL,
     OBJECT("\"scopes\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_scopes},
    {"POST", "/v1/scopes", "manage_workflows", "Add a scope.", scope_post, scope, LT_BODY_SMALL, 0, lt_post_scope},
    {"GET", "/v1/scopes/resolve", "manage_workflows", "Which scope decides in a context, and why not the others.", NULL,
     OBJECT("\"scope\":{\"type\":[\"object\",\"null\"]},\"profile\":{\"type\":[\"object\",\"null\"]},\"considered_total\":{\"type\":\"integer\"},"
            "\"considered\":{\"type\":\"array\",\"items\":" OBJECT("\"id\":{\"type\":\"integer\"},\"reason\":{\"type\":\"string\"},"
            "\"text\":{\"type\":\"string\"}") "}"), 0, 0, lt_get_scope_resolve},
    {"GET", "/v1/scopes/{id}", "manage_workflows", "One scope, by id or UUID.", NULL, scope, 0, 0, lt_get_scope},
    {"PATCH", "/v1/scopes/{id}", "manage_workflows", "Change it.", scope_patch, scope, LT_BODY_SMALL, 0, lt_patch_scope},
    {"DELETE", "/v1/scopes/{id}", "manage_workflows", "Remove it with its conversations.", NULL, NULL, 0, 0, lt_delete_scope},
    {"GET", "/v1/sessions", "caller", "Conversations, newest first: one's own, or all of the site; ?profile_id, ?scope_id and ?user choose.", NULL,
     OBJECT("\"sessions\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_sessions},
    {"GET", "/v1/sessions/{id}", "caller", "One of them.", NULL, session, 0, 0, lt_get_session},
    {"DELETE", "/v1/sessions/{id}", "caller", "Remove it with all its turns.", NULL, NULL, 0, 0, lt_delete_session},
    {"POST", "/v1/sessions/{id}/clear", "caller", "Begin a new thread in it.",
     "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" USER "}}", session, LT_BODY_SMALL, 0, lt_post_session_clear},
    {"GET", "/v1/sessions/{id}/thread", "caller", "Its thread: ?view=local, remote or combined.", NULL,
     OBJECT("\"view\":{\"type\":\"string\"},\"complete\":{\"type\":\"boolean\"},"
            "\"thread\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\"}}"), 0, 0, lt_get_session_thread},
    {"GET", "/v1/sessions/{id}/collection", "caller", "The questions that were saved in it, as files of an OLX library.", NULL,
     OBJECT("\"name\":{\"type\":\"string\"},\"library_id\":{\"type\":\"string\"},\"files\":{\"type\":\"array\",\"items\":"
            OBJECT("\"path\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"}") "}"), 0, 0, lt_get_session_collection},
    {"GET", "/v1/sessions/{id}/messages", "caller", "The newest messages, or with ?shown=N those before the newest N; ?limit.", NULL,
     OBJECT("\"messages\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"metadata\":" OBJECT("\"has_more\":{\"type\":\"boolean\"},"
            "\"current_count\":{\"type\":\"integer\"},\"new_count\":{\"type\":\"integer\"}")), 0, 0, lt_get_session_messages},
    {"GET", "/v1/register", "view_register", "Calls, newest first.", NULL, LIST_OF("calls"), 0, 0, lt_get_register},
    {"GET", "/v1/register/{id}", "view_register", "One call with its attempts and content.", NULL, OBJECT(""), 0, 0, lt_get_register_call},
    {"POST", "/openedx-ai-extensions/v1/workflows", "caller", "Open edX: run what ?context leads to. JSON, or text/plain where the profile streams.",
     openedx_run, OBJECT("\"timestamp\":" TIME), LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS | LT_ROUTE_COOKIES,
     lt_openedx_post_workflow},
    {"GET", "/openedx-ai-extensions/v1/profile", "caller", "Open edX: what the widget in ?context shows, or status no_config.", NULL, openedx_profile, 0,
     LT_ROUTE_COOKIES, lt_openedx_get_profile},
    {"GET", "/openedx-ai-extensions/v1/profiles", "caller", "Open edX: the profiles of ?context, for its staff.", NULL, LIST_OF("profiles"), 0,
     LT_ROUTE_COOKIES, lt_openedx_get_profiles},
    {"GET", "/openedx-ai-extensions/v1/prompts/{id}", "caller", "Open edX: a prompt template, for staff.", NULL, openedx_prompt, 0, LT_ROUTE_COOKIES,
     lt_openedx_get_prompt},
    {"PATCH", "/openedx-ai-extensions/v1/prompts/{id}", "caller", "Open edX: change its text, for staff.",
     "{\"type\":\"object\",\"properties\":{\"body\":{}}}", openedx_prompt, LT_BODY_SMALL, LT_ROUTE_COOKIES, lt_openedx_patch_prompt},
    {"GET", "/healthz", "public", "The process is alive.", NULL, status, 0, 0, lt_get_healthz},
    {"GET", "/readyz", "public", "The process takes requests.", NULL, status, 0, 0, lt_get_readyz},
    {"GET", "/metrics", "view_metrics", "Figures for Prometheus.", NULL, NULL, 0, 0, lt_get_metrics},
    {"GET", "/v1/openapi.json", "public", "This list.", NULL, OBJECT(""), 0, 0, lt_get_openapi},
    {"GET", "/demo", "public", "The demo course.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_demo_index},
    {"GET", "/demo/units/{id}", "public", "A unit of the demo course.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_demo_unit},
    {"GET", "/demo/static/{path*}", "public", "Files of the demo course.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_demo_static},
    {"GET", "/widgets/{path*}", "public", "The widgets.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_widget},
};
const size_t lt_routes_n = LT_COUNT(lt_routes);

/* Walks pattern and path together; true when they fit, with the parameters still encoded. */
static bool fits(const char *pattern, struct lt_str path, struct lt_str params[LT_PARAMS_MAX])
{
    const char *p = path.p, *end = path.p + path.n;
    int n = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (p == end || *p++ != *pattern++)
                return false;
            continue;
        }
        bool rest = false;
        while (*pattern != '}')
            rest = *pattern++ == '*';
        pattern++;
        const char *begin = p;
        while (p < end && (rest || *p != '/'))
            p++;
        if (p == begin)
            return false;
        params[n++] = (struct lt_str){begin, (size_t)(p - begin)};
    }
    return p == end;
}

static bool decode(struct lt_arena *arena, struct lt_str params[LT_PARAMS_MAX])
{
    for (int i = 0; i < LT_PARAMS_MAX && params[i].p; i++)
        if (!lt_percent_decode(arena, params[i], false, &params[i]))
            return false;
    return true;
}

enum lt_code lt_route_match(struct lt_arena *arena, struct lt_str method, struct lt_str path, const struct lt_route **ret,
                            struct lt_str params[LT_PARAMS_MAX])
{
    const struct lt_route *first = NULL; /* the first whose path fits names the resource */
    if (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--; /* with or without the last slash it is the same */
    for (size_t i = 0; i < lt_routes_n; i++) {
        struct lt_str found[LT_PARAMS_MAX] = {0};
        if (!fits(lt_routes[i].path, path, found) || (first && strcmp(first->path, lt_routes[i].path) != 0))
            continue;
        if (!first)
            first = &lt_routes[i];
        if (!lt_str_is(method, lt_routes[i].method))
            continue;
        if (!decode(arena, found))
            return LT_ENOT_FOUND;
        memcpy(params, found, sizeof(found));
        *ret = &lt_routes[i];
        return LT_OK;
    }
    *ret = first;
    return first ? LT_EMETHOD : LT_ENOT_FOUND;
}
