/*
 * The route table: dispatch, permission checks, request checks and openapi.json all come from it. A literal segment goes before a
 * parameter when it stands earlier in the table. Query parameters, statuses and media types that nothing else tells: by name, at the end.
 */
#include "api/routes.h"

#include "api/mcp.h"
#include "api/ollama.h"
#include "core/admin_event.h"
#include "content/source.h"
#include "core/admin_limit.h"
#include "core/feedback.h"
#include "api/openai_schemas.h"
#include "api/openai_responses_schema.h"

#define CONTEXT                                                                                                              \
    "\"context\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"                                       \
    "\"course_id\":{\"type\":\"string\",\"maxLength\":255},\"location_id\":{\"type\":\"string\",\"maxLength\":255},"         \
    "\"placement\":{\"type\":\"string\",\"maxLength\":64}}}"
#define USER                                                                                                                 \
    "\"user\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"id\"],\"properties\":{"                    \
    "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"                                                        \
    "\"roles\":{\"type\":\"array\",\"maxItems\":64,\"items\":{\"type\":\"string\",\"maxLength\":64}},"                       \
    "\"locale\":{\"type\":\"string\",\"maxLength\":35},\"name\":{\"type\":\"string\",\"maxLength\":255}}}"
/* For who may see how calls are made. */
#define LOOK "\"trace\":{\"type\":\"boolean\"},\"as_named\":{\"type\":\"boolean\"}"
#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define PAGE_OF(name, next) OBJECT("\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" next)
#define LIST_OF(name) OBJECT("\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}")
#define TIME "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define COUNT "{\"type\":[\"integer\",\"null\"]}"

enum { COURSE_BODY_MAX = 512 << 20 };
#define COURSE                                                                                                               \
    "\"course_id\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"format\":{\"enum\":[\"olx\",\"common_cartridge\",\"moodle_backup\"]},"    \
    "\"language\":{\"type\":\"string\"},\"blocks\":{\"type\":\"integer\"},\"revision\":{\"type\":\"integer\"},\"sha256\":{\"type\":\"string\"},"         \
    "\"imported_at\":" TIME
#define COURSE_SHOWN                                                                                                         \
    COURSE ",\"about\":{\"type\":\"object\"},\"warnings\":{\"type\":\"array\",\"items\":" OBJECT("\"file\":{\"type\":\"string\"},"                 \
    "\"reason\":{\"type\":\"string\"}") "}"
static const char course[] = OBJECT(COURSE_SHOWN);
static const char course_imported[] = OBJECT(COURSE_SHOWN ",\"changes\":{\"type\":\"object\"}");
static const char course_list[] = OBJECT("\"courses\":{\"type\":\"array\",\"items\":" OBJECT(COURSE) "},\"next\":" TEXT_OR_NULL);

static const char action_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"input\"],\"properties\":{" CONTEXT "," USER ","
    "\"input\":{\"type\":\"object\"},\"provider\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128},"
    "\"stream\":{\"type\":\"boolean\"}," LOOK "}}";
static const char answer[] = OBJECT(
    "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"action\":{\"type\":\"string\"},\"state\":{\"type\":\"string\"},"
    "\"success\":{\"type\":\"boolean\"},\"response\":{\"type\":\"object\"},\"error\":{\"type\":\"object\"},"
    "\"provider\":" OBJECT("\"id\":{\"type\":\"integer\"},\"name\":{\"type\":\"string\"},\"plugin\":{\"type\":\"string\"}") ","
    "\"model\":{\"type\":\"string\"},\"content_stored\":{\"type\":\"boolean\"},"
    "\"usage\":" OBJECT("\"prompt_tokens\":" COUNT ",\"completion_tokens\":" COUNT ",\"total_tokens\":" COUNT
    ",\"cost\":{\"type\":\"integer\"},\"currency\":{\"type\":\"string\"}") ","
    "\"attempts\":{\"type\":\"array\",\"items\":" OBJECT("\"provider\":{\"type\":\"string\"},\"success\":{\"type\":\"boolean\"},"
    "\"code\":{\"type\":\"string\"},\"duration_ms\":{\"type\":\"integer\"}") "},\"trace\":{\"type\":\"object\"},"
    "\"created_at\":" TIME ",\"completed_at\":" TIME);
/* What a message lacks is said in the protocol's own words. */
static const char mcp_message[] = "{\"type\":[\"object\",\"array\"]}";
static const char mcp_answer[] = "{\"type\":[\"object\",\"array\"]}";
static const char feedback_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"rating\"],\"properties\":{"
    "\"rating\":{\"enum\":[" LT_FEEDBACK_RATINGS "]},\"reason\":{\"enum\":[" LT_FEEDBACK_REASONS "]},"
    "\"comment\":{\"type\":\"string\",\"maxLength\":2000}," USER "}}";
_Static_assert(LT_FEEDBACK_COMMENT_MAX == 2000, "feedback_request says how long a comment may be");
static const char feedback[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"rating\":{\"enum\":[" LT_FEEDBACK_RATINGS ",null]},"
           "\"reason\":{\"enum\":[" LT_FEEDBACK_REASONS ",null]},\"comment\":{\"type\":\"string\"},"
           "\"comments\":{\"type\":\"boolean\"},\"created_at\":" TIME ",\"changed_at\":" TIME);
static const char approval_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"approve\"],\"properties\":{\"approve\":{\"type\":\"boolean\"}," USER "}}";
static const char approval[] = OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"tool\":{\"type\":\"string\"},"
                                      "\"state\":{\"enum\":[\"approved\",\"refused\"]},\"decided_at\":" TIME);
#define ACCEPTED                                                                                                             \
    "\"accepted\":{\"type\":\"boolean\"},\"accepted_at\":" TIME ",\"accepted_version\":{\"type\":\"string\"},\"accepted_language\":{\"type\":\"string\"}"
static const char policy[] =
    OBJECT(ACCEPTED ",\"version\":{\"type\":\"string\"},\"language\":{\"type\":\"string\"},\"languages\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
           "\"text\":{\"type\":\"string\"},\"html\":{\"type\":\"string\"}");
static const char policy_status_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"user_ids\"],\"properties\":{\"user_ids\":{\"type\":\"array\",\"maxItems\":1000,"
    "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}}}}";
static const char policy_status[] =
    OBJECT("\"version\":{\"type\":\"string\"},\"users\":{\"type\":\"array\",\"items\":" OBJECT("\"user_id\":{\"type\":\"string\"}," ACCEPTED) "}");
static const char policy_texts[] =
    OBJECT("\"version\":{\"type\":\"string\"},\"asked_by_lms\":{\"type\":\"boolean\"},\"site_language\":{\"type\":\"string\"},"
           "\"holders\":{\"type\":\"integer\"},\"counts\":{\"type\":\"object\"},\"texts\":{\"type\":\"array\",\"items\":" OBJECT(
        "\"id\":{\"type\":\"integer\"},\"version\":{\"type\":\"string\"},\"major\":{\"type\":\"string\"},\"language\":{\"type\":\"string\"},"
        "\"in_force\":{\"type\":\"boolean\"},\"created_at\":" TIME ",\"by\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"}") "},\"next\":" COUNT);
static const char policy_text_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"version\"],\"properties\":{"
    "\"version\":{\"type\":\"string\",\"maxLength\":64,\"description\":\"Empty: the site has no policy any more.\"},"
    "\"language\":{\"type\":\"string\",\"maxLength\":35},\"text\":{\"type\":\"string\",\"maxLength\":100000},\"dry_run\":{\"type\":\"boolean\"}}}";
static const char policy_text_effect[] =
    OBJECT("\"dry_run\":{\"type\":\"boolean\"},\"version\":{\"type\":\"string\"},\"language\":{\"type\":\"string\"},"
           "\"asks_again\":{\"type\":\"boolean\"},\"users_asked_again\":{\"type\":\"integer\"},\"html\":{\"type\":\"string\"}");
static const char policy_report[] =
    OBJECT("\"version\":{\"type\":\"string\"},\"counts\":{\"type\":\"object\",\"additionalProperties\":" OBJECT(
        "\"in_force\":{\"type\":\"boolean\"},\"accepted\":{\"type\":\"integer\"},\"withdrawn\":{\"type\":\"integer\"}") "},"
           "\"acceptances\":{\"type\":\"array\",\"items\":" OBJECT(
        "\"id\":{\"type\":\"integer\"},\"user_id\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},\"language\":{\"type\":\"string\"},\"state\":{\"enum\":[\"accepted\",\"withdrawn\"]},"
        "\"holds\":{\"type\":\"boolean\"},\"accepted_at\":" TIME ",\"withdrawn_at\":" TIME ",\"context\":{\"type\":\"object\"}") "},\"next\":" COUNT);
static const char guard_report[] =
    OBJECT("\"rows\":{\"type\":\"array\",\"items\":" OBJECT(
        "\"day\":{\"type\":\"string\"},\"guard\":{\"type\":\"string\"},\"rule\":{\"type\":\"string\"},\"stage\":{\"enum\":[\"input\",\"output\"]},"
        "\"action\":{\"type\":\"string\"},\"mode\":{\"type\":\"string\"},\"verdict\":{\"type\":\"string\"},\"calls\":{\"type\":\"integer\"}") "}");
static const char policy_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"accepted\",\"version\"],\"properties\":{"
    "\"accepted\":{\"const\":true},\"version\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},\"language\":{\"type\":\"string\",\"maxLength\":35}," CONTEXT "," USER "}}";
#define PROVIDER_MEMBERS                                                                                                     \
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},\"enabled\":{\"type\":\"boolean\"},"                    \
    "\"config\":{\"type\":\"object\"},\"actions\":{\"type\":\"object\"}"
static const char provider[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"plugin\":{\"type\":\"string\"},\"configured\":{\"type\":\"boolean\"},"
           "\"reason\":{\"type\":[\"string\",\"null\"]},\"used_by\":" TEXT_OR_NULL "," PROVIDER_MEMBERS);
static const char provider_post[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\",\"plugin\"],\"properties\":{"
                                    "\"plugin\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}," PROVIDER_MEMBERS "}}";
static const char provider_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" PROVIDER_MEMBERS "}}";
#define MCP_MEMBERS                                                                                                                            \
    "\"label\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":32},\"enabled\":{\"type\":\"boolean\"},"                                          \
    "\"transport\":{\"enum\":[\"http\",\"stdio\"]},\"resources\":{\"type\":[\"boolean\",\"null\"]},"                                               \
    "\"approval\":{\"enum\":[\"always\",\"never\",null]},\"connect_ms\":{\"type\":[\"integer\",\"null\"]},"                                      \
    "\"call_ms\":{\"type\":[\"integer\",\"null\"]},\"idle_ms\":{\"type\":[\"integer\",\"null\"]},\"max_bytes\":{\"type\":[\"integer\",\"null\"]},"       \
    "\"url\":" TEXT_OR_NULL ",\"command\":" TEXT_OR_NULL ",\"tools\":{\"type\":[\"array\",\"null\"]},\"headers\":{\"type\":[\"object\",\"null\"]},"    \
    "\"tool_approval\":{\"type\":[\"object\",\"null\"]}"
static const char mcp_server[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"usable\":{\"type\":\"boolean\"},\"reason\":" TEXT_OR_NULL "," MCP_MEMBERS);
static const char mcp_server_post[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"label\",\"transport\"],\"properties\":{" MCP_MEMBERS "}}";
static const char mcp_server_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" MCP_MEMBERS "}}";
static const char order_request[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ids\"],\"properties\":{\"ids\":{"
                                    "\"type\":\"array\",\"maxItems\":256,\"uniqueItems\":true,\"items\":{\"type\":[\"integer\",\"string\"]}}}}";
static const char placement[] =
    OBJECT("\"name\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"
           "\"enabled\":{\"type\":\"boolean\"},\"until\":" TIME ",\"actions\":{\"type\":\"array\",\"items\":" OBJECT(
               "\"name\":{\"type\":\"string\"},\"enabled\":{\"type\":\"boolean\"},\"until\":" TIME) "}");
static const char placement_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{\"enabled\":{\"type\":\"boolean\"},\"until\":" TIME ","
    "\"actions\":{\"type\":\"object\",\"maxProperties\":64,\"additionalProperties\":{\"type\":\"boolean\"}}}}";
#define SERVICE                                                                                                              \
    OBJECT("\"service\":{\"type\":\"string\"},\"component\":" TEXT_OR_NULL ",\"declared\":{\"enum\":[\"none\",\"want\",\"need\"]},"      \
           "\"status\":{\"enum\":[\"ok\",\"undeclared\",\"absent\",\"disabled\",\"denied\",\"ambiguous\",\"version\",\"faulted\",\"busy\","     \
           "\"gone\",\"timeout\",\"invalid\",\"nomem\"]},\"version\":" TEXT_OR_NULL ",\"granted\":{\"type\":[\"object\",\"null\"]},"          \
           "\"reason\":{\"type\":\"string\"},\"retry_at\":" TIME ",\"candidates\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}")
static const char switch_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"course_id\",\"enabled\"],\"properties\":{"
    "\"course_id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},\"location_id\":{\"type\":\"string\",\"maxLength\":255},"
    "\"action\":{\"type\":\"string\",\"maxLength\":72},\"enabled\":{\"type\":[\"boolean\",\"null\"]},\"until\":" TIME "," USER "}}";
static const char action_list[] = OBJECT("\"actions\":{\"type\":\"array\",\"items\":" OBJECT(
    "\"name\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},\"input_schema\":{\"type\":\"object\"},"
    "\"response_schema\":{\"type\":\"object\"},\"available\":{\"type\":\"boolean\"},\"reason\":{\"type\":\"string\"},"
    "\"message\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"},\"until\":" TIME) "}");
#define STOP "{\"type\":[\"object\",\"null\"],\"properties\":{\"reason\":{\"type\":\"string\"},\"by\":{\"type\":\"string\"},\"since\":" TIME "}}"
static const char emergency_stop[] = OBJECT("\"stopped\":{\"type\":\"boolean\"},\"site\":" STOP ",\"all_sites\":" STOP);
static const char emergency_stop_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"reason\":{\"type\":\"string\",\"maxLength\":300}," USER "}}";
#define LIMIT_MEMBERS                                                                                                        \
    "\"subject\":{\"type\":\"string\"},\"per_user\":{\"type\":\"boolean\"},\"action\":{\"type\":\"string\"},"               \
    "\"unit\":{\"type\":\"string\"},\"amount\":{\"type\":\"integer\"},\"window\":{\"type\":\"string\"}"
static const char limit[] = OBJECT("\"id\":{\"type\":\"integer\"},\"subject_id\":{\"type\":\"string\"}," LIMIT_MEMBERS ",\"window_s\":" COUNT ","
                                   "\"when_spent\":{\"type\":\"string\"},\"used\":" COUNT ",\"left\":" COUNT ",\"resets_at\":" TIME ","
                                   "\"currency\":{\"type\":\"string\"}");
static const char limit_patch[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{"
    "\"amount\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000000000000},"
    "\"when_spent\":{\"enum\":[\"refuse\",\"fallback\",\"notice\"]}}}";
static const char event_destination[] = OBJECT(
    "\"id\":{\"type\":\"integer\"},\"name\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},\"url\":{\"type\":\"string\"},\"enabled\":{\"type\":\"boolean\"},"
    "\"events\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"config\":{\"type\":\"object\"},\"created_at\":" TIME ",\"secret\":{\"type\":\"string\"},"
    "\"waiting\":{\"type\":\"integer\"},\"oldest_at\":" TIME ",\"delivered\":{\"type\":\"integer\"},\"dead\":{\"type\":\"integer\"},"
    "\"dropped\":{\"type\":\"integer\"},\"failures\":{\"type\":\"integer\"},\"paused_until\":" TIME ",\"last_error\":" TEXT_OR_NULL ",\"last_at\":" TIME);
static const char event_count[] = OBJECT("\"events\":{\"type\":\"integer\"}");
static const char event_test[] = OBJECT("\"success\":{\"type\":\"boolean\"},\"detail\":" TEXT_OR_NULL);
static const char quota[] =
    OBJECT("\"time_zone\":{\"type\":\"string\"},\"limits\":{\"type\":\"array\",\"items\":" OBJECT(
        "\"limit\":{\"type\":\"integer\"}," LIMIT_MEMBERS ",\"used\":{\"type\":\"integer\"},\"left\":{\"type\":\"integer\"},\"resets_at\":" TIME) "}");
static const char price[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"provider\":{\"type\":\"string\"},\"model\":{\"type\":\"string\"},\"input\":{\"type\":\"integer\"},"
           "\"cached_input\":{\"type\":\"integer\"},\"output\":{\"type\":\"integer\"},\"request\":{\"type\":\"integer\"},"
           "\"image\":{\"type\":\"integer\"},"
           "\"currency\":{\"type\":\"string\"},\"valid_from\":" TIME ",\"valid_to\":" TIME);
static const char content_source[] =
    OBJECT("\"id\":{\"type\":\"integer\"},\"name\":{\"type\":\"string\"},\"kind\":{\"enum\":[\"openedx\",\"moodle\"]},"
           "\"enabled\":{\"type\":\"boolean\"},\"base_url\":{\"type\":\"string\"},\"client_id\":{\"type\":\"string\"},"
           "\"secret_set\":{\"type\":\"boolean\"},\"secret_readable\":{\"type\":\"boolean\"},\"options\":{\"type\":\"object\"},"
           "\"state\":{\"type\":\"object\"},\"created_at\":" TIME ",\"updated_at\":" TIME);
static const char privacy_request[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"user_id\"],\"properties\":{"
    "\"user_id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}}}";
static const char privacy_job[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"kind\":{\"enum\":[\"export\",\"erase\"]},"
           "\"state\":{\"enum\":[\"running\",\"scrubbing\",\"done\",\"failed\"]},\"code\":" TEXT_OR_NULL ",\"pseudonym\":" TEXT_OR_NULL ","
           "\"user_hash\":{\"type\":\"string\"},\"asked_by\":{\"type\":\"string\"},\"calls\":{\"type\":\"integer\"},"
           "\"records\":{\"type\":\"integer\"},\"vendors\":" OBJECT("\"waiting\":{\"type\":\"integer\"},\"deleted\":{\"type\":\"integer\"},"
           "\"failed\":{\"type\":\"integer\"}") ",\"created_at\":" TIME ",\"completed_at\":" TIME);
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
    "\"content\":{\"type\":\"string\",\"maxLength\":1048576},\"content_type\":{\"enum\":[\"text/plain\",\"text/html\"],\"description\":"
    "\"Of content; without it, what looks like HTML is HTML.\"}}},\"action\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},"
    "\"prompt\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100000,\"description\":\"Slug or id of a prompt template, or an author's own text, "
    "which the profile must allow.\"},"
    "\"user_input\":{},\"stream\":{\"type\":\"boolean\"},\"async\":{\"type\":\"boolean\"},\"no_store\":{\"type\":\"boolean\"}," LOOK "," USER "}}";
static const char workflow_answer[] =
    OBJECT("\"trace\":{\"type\":\"object\"},\"content\":{\"type\":\"object\"},"
           "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"profile\":{\"type\":\"string\"},\"scope_id\":" COUNT
           ",\"session_id\":{\"type\":[\"string\",\"null\"]},\"action\":{\"type\":\"string\"},\"success\":{\"type\":\"boolean\"},"
           "\"response\":{\"type\":\"object\"},\"cached\":{\"type\":\"boolean\"},\"calls\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
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
static const char grading[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"number\":{\"type\":\"integer\"},"
           "\"status\":{\"enum\":[\"ok\",\"abstained\",\"rejected\",\"failed\",\"pending\"]},\"reason\":{\"type\":\"string\"},"
           "\"mode\":{\"enum\":[\"feedback_only\",\"advisory\",\"scoring\"]},\"source\":{\"enum\":[\"model\",\"staff\"]},"
           "\"criteria\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"overall_feedback\":{\"type\":\"string\"},"
           "\"points_earned\":" COUNT ",\"points_possible\":" COUNT ",\"parts\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"integer\"}}");
static const char grading_decision[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"decision\"],\"properties\":{\"decision\":{\"type\":\"object\","
    "\"description\":\"{\\\"selected\\\": {criterion: option}, \\\"feedback\\\": {criterion: text}?, \\\"overall_feedback\\\"?}\"},"
    "\"staff_at\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"As read: 409 when somebody has decided since.\"}," USER "}}";
static const char session[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"number\":{\"type\":\"integer\"},\"user_id\":{\"type\":\"string\"},"
           "\"profile_id\":{\"type\":\"integer\"},\"scope_id\":" COUNT ",\"course_id\":" CONTEXT_TEXT ",\"location_id\":" CONTEXT_TEXT
           ",\"turns\":{\"type\":\"integer\"},\"turns_cleared\":{\"type\":\"integer\"},\"created_at\":" TIME ",\"updated_at\":" TIME);

#define EXPORT_TYPES "application/gzip application/xml application/zip"
static const char exported[] =
    OBJECT("\"name\":{\"type\":\"string\"},\"library_id\":{\"type\":\"string\"},\"questions\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
           "\"files\":{\"type\":\"array\",\"items\":" OBJECT("\"path\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"}") "},"
           "\"cards\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}");
static const char question_convert[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"questions\",\"format\"],\"properties\":{"
    "\"questions\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":100,\"items\":{\"type\":\"object\"}},"
    "\"format\":{\"enum\":[\"json\",\"olx\",\"moodle_xml\",\"qti\"]},\"name\":{\"type\":\"string\",\"maxLength\":255},"
    "\"library_id\":{\"type\":\"string\",\"maxLength\":255}," USER "}}";

#define REPORT_QUERY                                                                                                         \
    "view:site|course|own group_by since until course_id provider model action user state visible_user sort format:json|csv after:int limit:1..10000"
#define REPORT_STATUSES "502 504"
static const char report[] =
    OBJECT("\"report\":{\"type\":\"string\"},\"since\":" TIME ",\"until\":" TIME ",\"time_zone\":{\"type\":\"string\"},"
           "\"group_by\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"rows\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
           "\"total\":{\"type\":\"object\"},\"summarised_calls\":" COUNT ",\"rows_total\":{\"type\":\"integer\"},\"next\":" COUNT);

/* The Open edX door: unknown members are ignored, as Django does. */
static const char openedx_run[] =
    "{\"type\":\"object\",\"required\":[\"action\"],\"properties\":{\"action\":{\"type\":\"string\",\"minLength\":1},\"user_input\":{},"
    "\"timestamp\":{},\"request_id\":{}}}";
static const char openedx_profile[] = OBJECT("\"course_id\":{\"type\":[\"string\",\"null\"]},\"ui_components\":{\"type\":\"object\"},"
                                             "\"status\":{\"const\":\"no_config\"},\"timestamp\":" TIME);
static const char openedx_prompt[] =
    OBJECT("\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"slug\":{\"type\":\"string\"},\"body\":{\"type\":\"string\"},"
           "\"created_at\":" TIME ",\"updated_at\":" TIME ",\"usage\":" OBJECT("\"profile_count\":{\"type\":\"integer\"}"));

#define KEY_ROLES "{\"enum\":[\"site_admin\",\"service\",\"metrics\"]}"
#define KEY_MEMBERS                                                                                                          \
    "\"id\":{\"type\":\"integer\"},\"prefix\":{\"type\":\"string\"},\"role\":" KEY_ROLES ",\"name\":{\"type\":\"string\"},"          \
    "\"choose_provider\":{\"type\":\"boolean\"},\"created_at\":" TIME ",\"expires_at\":" TIME          \
    ",\"last_used_at\":" TIME
static const char key_list[] = OBJECT("\"keys\":{\"type\":\"array\",\"items\":" OBJECT(KEY_MEMBERS) "},\"next\":" COUNT);
static const char key_new[] = OBJECT("\"key\":{\"type\":\"string\"}," KEY_MEMBERS ",\"rotated\":" OBJECT(KEY_MEMBERS));
static const char key_post[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"role\",\"name\"],\"properties\":{\"role\":" KEY_ROLES ","
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},\"choose_provider\":{\"type\":\"boolean\"},"
    "\"expires_at\":" TIME "}}";
static const char key_rotate[] = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                                 "\"overlap_s\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":7776000}}}";
#define ROLE_NAMES "{\"enum\":[\"student\",\"teacher\",\"editingteacher\",\"manager\",\"admin\",\"service\"]}"
#define PERMISSION_CELL                                                                                                      \
    "\"role\":" ROLE_NAMES ",\"allowed\":{\"type\":\"boolean\"},\"by\":{\"enum\":[\"default\",\"site\"]},\"of\":{\"type\":\"string\"}"
static const char permission_list[] =
    OBJECT("\"permissions\":{\"type\":\"array\",\"items\":" OBJECT("\"permission\":{\"type\":\"string\"},"
           "\"roles\":{\"type\":\"array\",\"items\":" OBJECT(PERMISSION_CELL) "}") "}");
static const char permission_cell[] = OBJECT("\"permission\":{\"type\":\"string\"}," PERMISSION_CELL);
static const char permission_put[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"role\",\"permission\",\"allowed\"],\"properties\":{\"role\":" ROLE_NAMES ","
    "\"permission\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":191},\"allowed\":{\"type\":[\"boolean\",\"null\"]}}}";

static const char console_sign_in[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"key\"],\"properties\":{"
                                      "\"key\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}}}";
static const char console_session[] =
    OBJECT("\"site\":" OBJECT("\"slug\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"}") ","
           "\"key\":" OBJECT("\"id\":{\"type\":\"integer\"},\"prefix\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"role\":{\"type\":\"string\"}") ","
           "\"permissions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"csrf_token\":{\"type\":\"string\"},\"expires_at\":" TIME ","
           "\"demo\":{\"type\":\"boolean\"},\"version\":{\"type\":\"string\"},\"emergency_stop\":{\"type\":\"object\"}");

#define SITE_MEMBERS                                                                                                         \
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},\"enabled\":{\"type\":\"boolean\"},\"settings\":{\"type\":\"object\"}"
static const char site[] = OBJECT("\"slug\":{\"type\":\"string\"}," SITE_MEMBERS ",\"set\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
                                  "\"settings_schema\":{\"type\":\"object\"}");
static const char site_patch[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" SITE_MEMBERS "}}";

#define TEXT "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"integer\"}"
#define OBJECTS "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
static const char plugins[] =
    OBJECT("\"plugins\":{\"type\":\"array\",\"items\":" OBJECT("\"id\":" TEXT ",\"version\":" TEXT ",\"title\":" TEXT ",\"description\":" TEXT
           ",\"state\":{\"enum\":[\"wrong\",\"disabled\",\"removed\",\"quarantined\",\"starting\",\"up\",\"data\",\"idle\"]},"
           "\"runs_in\":{\"enum\":[\"daemon\",\"process\",\"nothing\"]},\"reason\":" TEXT ",\"faults\":" NUMBER ",\"since\":" TIME ",\"until\":" TIME
           ",\"provides\":{\"type\":\"array\",\"items\":" TEXT "}") "},\"services\":{\"type\":\"array\",\"items\":" OBJECT("\"service\":" TEXT
           ",\"title\":" TEXT ",\"description\":" TEXT ",\"status\":" TEXT ",\"version\":" TEXT_OR_NULL ",\"plugin\":" TEXT_OR_NULL ",\"reason\":" TEXT
           ",\"candidates\":" OBJECTS ",\"components\":" OBJECTS) "}");
static const char health[] =
    OBJECT("\"level\":{\"enum\":[\"ok\",\"warning\",\"error\"]},\"findings\":{\"type\":\"array\",\"items\":" OBJECT("\"id\":" TEXT
           ",\"level\":{\"enum\":[\"ok\",\"warning\",\"error\"]},\"title\":" TEXT ",\"detail\":" TEXT ",\"advice\":" TEXT) "}");
static const char overview[] =
    OBJECT("\"since\":" TIME ",\"until\":" TIME ",\"step_s\":" NUMBER ",\"time_zone\":" TEXT ",\"currency\":" TEXT ",\"series\":" OBJECTS
           ",\"total\":{\"type\":\"object\"},\"errors\":" OBJECTS ",\"stop\":" OBJECT("\"stopped\":{\"type\":\"boolean\"},\"site\":" STOP
           ",\"all_sites\":" STOP) ",\"providers\":" OBJECTS ",\"budgets\":" OBJECTS ",\"now\":" OBJECT("\"calls_running\":" NUMBER
           ",\"streams_running\":" NUMBER ",\"tasks_queued\":" NUMBER ",\"tasks_running\":" NUMBER) ",\"counts\":" OBJECT("\"providers\":" NUMBER
           ",\"providers_usable\":" NUMBER ",\"profiles\":" NUMBER ",\"scopes\":" NUMBER ",\"placements\":" NUMBER ",\"placements_on\":" NUMBER));

const struct lt_route lt_routes[] = {
    {"POST", "/v1/actions/{name}", "caller", "Run an action.", action_request, answer, LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS,
     lt_post_action},
    {"GET", "/v1/actions", "caller", "The actions, and which of them the caller can use here.", NULL, action_list, 0, 0, lt_get_actions,
     .query = "course_id location_id placement as_named:true|false",
     .list = "actions +name +title description +available reason message detail until:time"},
    {"GET", "/v1/actions/calls/{id}", "caller", "State or answer of a call.", NULL, answer, 0, 0, lt_get_call},
    {"DELETE", "/v1/actions/calls/{id}", "caller", "Cancel a call.", NULL, cancelled, 0, 0, lt_delete_call},
    {"GET", "/v1/actions/calls/{id}/stream", "caller", "Follow or resume the stream of a call.", NULL, NULL, 0, LT_ROUTE_STREAMS, lt_get_call_stream},
    {"GET", "/v1/actions/calls/{id}/feedback", "caller", "What the user who made a call thinks of its answer.", NULL, feedback, 0, 0, lt_get_feedback},
    {"PUT", "/v1/actions/calls/{id}/feedback", "caller", "Rate the answer of one's own call.", feedback_request, feedback, LT_BODY_SMALL, 0,
     lt_put_feedback},
    {"DELETE", "/v1/actions/calls/{id}/feedback", "caller", "Take the rating back.", NULL, feedback, 0, 0, lt_delete_feedback},
    {"POST", "/v1/actions/calls/{id}/approvals/{approval}", "caller", "Allow or refuse a tool that waits for the word of the call's user.",
     approval_request, approval, LT_BODY_SMALL, 0, lt_post_approval},
    {"GET", "/v1/policy", "policy", "The policy, and whether the user has accepted it. Its text in ?lang, or as Accept-Language says.", NULL, policy, 0,
     LT_ROUTE_COOKIES, lt_get_policy, .query = "lang"},
    {"PUT", "/v1/policy", "policy", "Accept the policy for the user.", policy_request, policy, LT_BODY_SMALL, LT_ROUTE_COOKIES, lt_put_policy,
     .query = "lang"},
    {"DELETE", "/v1/policy", "policy", "Withdraw the acceptance.", NULL, policy, 0, LT_ROUTE_COOKIES, lt_delete_policy, .query = "lang"},
    {"POST", "/v1/policy/status", "policy", "Which of these users have accepted it. For keys, not for users.", policy_status_request, policy_status,
     LT_BODY_ACTION, 0, lt_post_policy_status},
    {"GET", "/v1/policy/texts", "manage_policy", "The policy's versions in each of their languages, newest first, and how many have accepted which.", NULL,
     policy_texts, 0, LT_ROUTE_CONFIG, lt_get_policy_texts, .query = "before:int limit:1..100",
     .list = "texts +id +version +major +language +in_force +created_at:time +by text"},
    {"PUT", "/v1/policy/texts", "manage_policy",
     "Put a version in force, with a text in a language or again as it was; with `dry_run` only say what that would bring.", policy_text_put,
     policy_text_effect, LT_BODY_SMALL, LT_ROUTE_CONFIG, lt_put_policy_text},
    {"GET", "/v1/reports/policy", "view_policy_report",
     "Who has accepted which version when, or taken it back, newest first; ?version, ?user, ?state and ?since choose, ?before and ?limit page.", NULL,
     policy_report, 0, 0, lt_get_policy_report,
     .query = "version user state:accepted|withdrawn since before:int limit:1..10000",
     .list = "acceptances !id +user_id +version +language +state +holds +accepted_at:time +withdrawn_at:time"},
    {"GET", "/v1/provider-plugins", "manage_providers", "Kinds of providers with their settings.", NULL, LIST_OF("plugins"), 0, 0,
     lt_get_provider_plugins,
     .list = "plugins +name +title description serves"},
    {"GET", "/v1/providers", "manage_providers", "Provider instances in order; with ?action= the reasons for exclusion.", NULL,
     PAGE_OF("providers", COUNT), 0, LT_ROUTE_CONFIG, lt_get_providers,
     .query = "action enabled:true|false|1|0 after:int limit:1..1000", .statuses = "404",
     .list = "providers +id +name +plugin +enabled +configured reason circuit config actions"},
    {"POST", "/v1/providers", "manage_providers", "Add a provider instance.", provider_post, provider, LT_BODY_SMALL, 0, lt_post_provider,
     .statuses = "201"},
    {"PUT", "/v1/providers/order", "manage_providers", "Set the order.", order_request, LIST_OF("providers"), LT_BODY_SMALL, LT_ROUTE_CONFIG,
     lt_put_provider_order, .statuses = "404"},
    {"GET", "/v1/providers/{id}", "manage_providers", "One provider instance, by id or name.", NULL, provider, 0, LT_ROUTE_CONFIG, lt_get_provider},
    {"PATCH", "/v1/providers/{id}", "manage_providers", "Change it (merge patch; secrets that are not sent stay).", provider_patch, provider,
     LT_BODY_SMALL, LT_ROUTE_CONFIG, lt_patch_provider},
    {"POST", "/v1/providers/{id}/test", "manage_providers", "Ask it something small, live; 200 with success false when the vendor fails.",
     "{\"type\":\"object\",\"additionalProperties\":false}",
     OBJECT("\"success\":{\"type\":\"boolean\"},\"id\":{\"type\":\"string\"},\"action\":{\"type\":\"string\"},\"model\":{\"type\":\"string\"},"
            "\"duration_ms\":{\"type\":\"integer\"},\"response\":{\"type\":\"object\"},\"error\":{\"type\":\"object\"}"),
     LT_BODY_SMALL, LT_ROUTE_COSTS_MONEY, lt_post_provider_test},
    {"GET", "/v1/providers/{id}/models", "manage_providers", "The models that the vendor lists now.", NULL,
     OBJECT("\"models\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), 0, 0, lt_get_provider_models, .statuses = "422 429 502 504",
     .list = "models +model"},
    {"DELETE", "/v1/providers/{id}", "manage_providers", "Remove it.", NULL, NULL, 0, LT_ROUTE_CONFIG, lt_delete_provider, .statuses = "204"},
    {"GET", "/v1/content-sources", "manage_providers", "The LMSs that course text is asked for; never their secrets.", NULL, LIST_OF("sources"), 0,
     LT_ROUTE_CONFIG, lt_get_content_sources,
     .list = "sources +id +name +kind +enabled +base_url client_id +secret_set secret_readable options state +created_at:time +updated_at:time"},
    {"POST", "/v1/content-sources", "manage_providers", "Add one.", lt_source_schema, content_source, LT_BODY_SMALL, LT_ROUTE_CONFIG,
     lt_post_content_source, .statuses = "201 409"},
    {"GET", "/v1/content-sources/{id}", "manage_providers", "One of them, by id or name.", NULL, content_source, 0, LT_ROUTE_CONFIG,
     lt_get_content_source},
    {"PATCH", "/v1/content-sources/{id}", "manage_providers", "Change it: options are merged (RFC 7386), a secret that is not sent stays.",
     lt_source_patch_schema, content_source, LT_BODY_SMALL, LT_ROUTE_CONFIG, lt_patch_content_source},
    {"DELETE", "/v1/content-sources/{id}", "manage_providers", "Remove it.", NULL, NULL, 0, LT_ROUTE_CONFIG, lt_delete_content_source,
     .statuses = "204"},
    {"POST", "/v1/content-sources/{id}/test", "manage_providers", "Ask it something small, live; 200 with success false when it fails.",
     "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"course_id\":{\"type\":\"string\",\"maxLength\":255}}}",
     OBJECT("\"success\":{\"type\":\"boolean\"},\"duration_ms\":{\"type\":\"integer\"},\"title\":{\"type\":\"string\"},"
            "\"missing_functions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"error\":{\"type\":\"object\"}"),
     LT_BODY_SMALL, 0, lt_post_content_source_test},
    {"GET", "/v1/mcp-servers", "manage_providers", "MCP servers whose tools models may call.", NULL, LIST_OF("mcp_servers"), 0, LT_ROUTE_CONFIG,
     lt_get_mcp_servers, .list = "mcp_servers +id +label +enabled +usable reason +transport +url +command +approval tools"},
    {"POST", "/v1/mcp-servers", "manage_providers", "Add an MCP server.", mcp_server_post, mcp_server, LT_BODY_SMALL, 0, lt_post_mcp_server,
     .statuses = "201"},
    {"GET", "/v1/mcp-servers/{id}", "manage_providers", "One MCP server, by id or label; secrets are not shown.", NULL, mcp_server, 0, LT_ROUTE_CONFIG,
     lt_get_mcp_server},
    {"PATCH", "/v1/mcp-servers/{id}", "manage_providers", "Change it (merge patch; secrets that are not sent stay).", mcp_server_patch, mcp_server,
     LT_BODY_SMALL, LT_ROUTE_CONFIG, lt_patch_mcp_server},
    {"DELETE", "/v1/mcp-servers/{id}", "manage_providers", "Remove it.", NULL, NULL, 0, LT_ROUTE_CONFIG, lt_delete_mcp_server, .statuses = "204"},
    {"POST", "/v1/mcp-servers/{id}/test", "manage_providers", "Connect to it, live; 200 with success false when it fails.",
     "{\"type\":\"object\",\"additionalProperties\":false}",
     OBJECT("\"success\":{\"type\":\"boolean\"},\"duration_ms\":{\"type\":\"integer\"},\"protocol_version\":{\"type\":\"string\"},"
            "\"server\":{\"type\":\"object\"},\"tools\":{\"type\":\"integer\"},\"tools_left_out\":{\"type\":\"integer\"},"
            "\"left_out_reason\":" TEXT_OR_NULL ",\"resources\":{\"type\":\"boolean\"},\"error\":{\"type\":\"object\"}"),
     LT_BODY_SMALL, 0, lt_post_mcp_server_test},
    {"GET", "/v1/mcp-servers/{id}/tools", "manage_providers", "The tools that it has now, in its own words.", NULL, LIST_OF("tools"), 0, 0,
     lt_get_mcp_server_tools, .statuses = "422 429 500 502 504", .list = "tools +name +own_name title description +allowed +approval"},
    {"GET", "/v1/placements", "caller", "The placements and what is on in them.", NULL, LIST_OF("placements"), 0, LT_ROUTE_CONFIG, lt_get_placements,
     .list = "placements +name +title description +enabled until:time actions"},
    {"GET", "/v1/placements/{name}", "caller", "One placement.", NULL, placement, 0, LT_ROUTE_CONFIG, lt_get_placement},
    {"PUT", "/v1/placements/{name}", "manage_placements", "Switch a placement or its actions, for good or `until` a time.", placement_put, placement, LT_BODY_SMALL,
     LT_ROUTE_CONFIG,
     lt_put_placement},
    {"GET", "/v1/switches", "manage_switches", "Switches of courses and locations.", NULL, PAGE_OF("switches", TEXT_OR_NULL), 0, LT_ROUTE_CONFIG,
     lt_get_switches,
     .query = "course_id after limit:1..10000",
     .list = "switches !id +course_id +location_id +action +enabled +until:time +expired"},
    {"PUT", "/v1/switches", "manage_switches", "Set a switch, for good or `until` a time; null removes it.", switch_put, LIST_OF("switches"), LT_BODY_SMALL, LT_ROUTE_CONFIG,
     lt_put_switch},
    {"GET", "/v1/emergency-stop", "manage_emergency_stop", "Is all AI of the site stopped, by whom, since when and why?", NULL, emergency_stop, 0, 0,
     lt_get_emergency_stop},
    {"PUT", "/v1/emergency-stop", "manage_emergency_stop", "Stop all AI of the site now, what runs as well; users are told the reason.",
     emergency_stop_put, emergency_stop, LT_BODY_SMALL, 0, lt_put_emergency_stop},
    {"DELETE", "/v1/emergency-stop", "manage_emergency_stop", "Let it go on. A stop of all sites stays.", NULL, emergency_stop, 0, 0,
     lt_delete_emergency_stop},
    {"GET", "/v1/quota", "caller", "What the caller has left of the limits that count for them; ?course_id and ?action choose.", NULL, quota, 0, 0,
     lt_get_quota, .query = "course_id action",
     .list = "limits +limit +subject subject_id per_user +action +unit +amount +used +left +window +resets_at:time"},
    {"GET", "/v1/event-destinations", "manage_events", "Who is told of what happens, and how that goes.", NULL, LIST_OF("destinations"), 0, 0,
     lt_get_event_destinations,
     .list = "destinations +id +name +kind +url +enabled events +waiting oldest_at:time +delivered +dead +dropped +failures paused_until:time last_error"
             " last_at:time +created_at:time"},
    {"POST", "/v1/event-destinations", "manage_events", "Tell somebody from now on. The secret that a webhook gets is shown once.",
     lt_event_destination_schema, event_destination, LT_BODY_SMALL, 0, lt_post_event_destination, .statuses = "201"},
    {"GET", "/v1/event-destinations/{id}", "manage_events", "One destination, by name or id.", NULL, event_destination, 0, 0, lt_get_event_destination},
    {"PATCH", "/v1/event-destinations/{id}", "manage_events", "Change it; `config` is merged, and a new secret keeps the one before it for a while.",
     lt_event_destination_patch_schema, event_destination, LT_BODY_SMALL, 0, lt_patch_event_destination},
    {"DELETE", "/v1/event-destinations/{id}", "manage_events", "Remove it, with all that waits for it.", NULL, NULL, 0, 0, lt_delete_event_destination,
     .statuses = "204"},
    {"POST", "/v1/event-destinations/{id}/test", "manage_events", "Send a made-up event now.", NULL, event_test, 0, 0, lt_post_event_destination_test},
    {"GET", "/v1/events/dead", "manage_events", "Events that were given up, newest first; ?destination chooses, ?before and ?limit page.", NULL,
     PAGE_OF("events", COUNT), 0, 0, lt_get_events_dead, .query = "before:int limit:1..1000 destination",
     .list = "events +id !destination_id +destination event_id +type +user_id +attempts +reason +created_at:time +given_up_at:time !data"},
    {"POST", "/v1/events/dead/retry", "manage_events", "All of them wait again; ?destination chooses.", NULL, event_count, 0, 0, lt_post_events_retry,
     .query = "destination"},
    {"DELETE", "/v1/events/dead", "manage_events", "Forget all of them; ?destination chooses.", NULL, event_count, 0, 0, lt_delete_events_dead,
     .query = "destination"},
    {"POST", "/v1/events/dead/{id}/retry", "manage_events", "It waits again.", NULL, event_count, 0, 0, lt_post_event_retry},
    {"DELETE", "/v1/events/dead/{id}", "manage_events", "Forget it.", NULL, event_count, 0, 0, lt_delete_event_dead},
    {"GET", "/v1/limits", "manage_limits", "How much of what whom, by id; ?after and ?limit page.", NULL, PAGE_OF("limits", COUNT), 0, LT_ROUTE_CONFIG,
     lt_get_limits, .query = "after:int limit:1..10000",
     .list = "limits +id +subject +subject_id +per_user +action +unit +amount +window window_s +when_spent used left resets_at:time currency"},
    {"GET", "/v1/limits/notices", "manage_limits", "Budgets of which 80 or 100 % were used, newest first; ?before and ?limit page.", NULL,
     PAGE_OF("notices", COUNT), 0, 0, lt_get_limit_notices, .query = "before:int limit:1..1000",
     .list = "notices +id +limit +of +user_id +percent +created_at:time"},
    {"GET", "/v1/limits/{id}", "manage_limits", "One limit.", NULL, limit, 0, LT_ROUTE_CONFIG, lt_get_limit},
    {"POST", "/v1/limits", "manage_limits", "Set a limit; one that differs in `amount` and `when_spent` alone is changed (200).", lt_limit_schema, limit,
     LT_BODY_SMALL, 0, lt_post_limit, .statuses = "200 201"},
    {"PATCH", "/v1/limits/{id}", "manage_limits", "Change amount and when_spent.", limit_patch, limit, LT_BODY_SMALL, LT_ROUTE_CONFIG,
     lt_patch_limit},
    {"DELETE", "/v1/limits/{id}", "manage_limits", "Remove it.", NULL, NULL, 0, LT_ROUTE_CONFIG, lt_delete_limit, .statuses = "204"},
    {"GET", "/v1/prices", "manage_limits", "What models cost, latest first: millionths of the currency for a million tokens.", NULL, LIST_OF("prices"), 0,
     LT_ROUTE_CONFIG, lt_get_prices,
     .list = "prices +id +provider +model +input +cached_input +output +request +image currency +valid_from:time +valid_to:time"},
    {"POST", "/v1/prices", "manage_limits", "Set a price from valid_from (now) on; what was charged before stays.", lt_price_schema, price, LT_BODY_SMALL, 0,
     lt_post_price, .statuses = "201"},
    {"DELETE", "/v1/prices/{id}", "manage_limits", "Remove it; what was charged by it stays.", NULL, NULL, 0, 0, lt_delete_price, .statuses = "204"},
    {"POST", "/v1/workflows/run", "caller", "Run a workflow: a profile, or what a context leads to. With `async` 202 {task_id}.", workflow_run,
     workflow_answer, LT_BODY_ACTION,
     LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS, lt_post_workflow_run, .statuses = "200 202"},
    {"GET", "/v1/tasks", "caller",
     "Background tasks, newest first: one's own, or all of the site; ?state and ?user choose, ?before and ?limit page.", NULL,
     OBJECT("\"tasks\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_tasks,
     .query = "state:queued|running|completed|failed|timeout|cancelled user before:int limit:1..1000",
     .list = "tasks +number id +state +user_id +profile +scope_id +course_id +location_id +action +attempt progress error +created_at:time "
             "+started_at:time +completed_at:time"},
    {"GET", "/v1/tasks/{id}", "caller", "One of them, with its result.", NULL, task, 0, 0, lt_get_task},
    {"DELETE", "/v1/tasks/{id}", "caller", "Cancel it.", NULL, cancelled, 0, 0, lt_delete_task},
    {"GET", "/v1/tasks/{id}/events", "caller", "Follow it: events status and tool, then done or error; Last-Event-ID goes on behind one.", NULL,
     NULL, 0, LT_ROUTE_STREAMS, lt_get_task_events, .statuses = "200 204"},
    {"GET", "/v1/gradings", "caller", "Gradings of the site, or with ?course_id of a course, newest first; ?state=queue: those that a person has to look at.", NULL,
     OBJECT("\"gradings\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_gradings,
     .query = "state:queue|pending|ok|abstained|rejected|failed course_id before:int limit:1..1000",
     .list = "gradings +number id +state +status +reason +mode +source +submission_id +user_id +course_id +location_id overall_feedback "
             "+points_earned +points_possible model +staff_user +staff_at +created_at +completed_at"},
    {"GET", "/v1/gradings/{id}", "caller", "One of them: with rubric, the model's result and what staff have decided.", NULL, grading, 0, 0,
     lt_get_grading},
    {"GET", "/v1/submissions/{id}/grading", "caller",
     "The newest grading of a submission, by the LMS's name for it: for who reviews gradings there, and, as far as they may see it, for whose it is.", NULL,
     grading, 0, 0, lt_get_submission_grading, .query = "course_id learner_id"},
    {"PUT", "/v1/gradings/{id}/decision", "caller", "Decide in place of the model; it stands whatever the model says later.", grading_decision,
     grading, LT_BODY_ACTION, 0, lt_put_grading_decision},
    {"GET", "/v1/courses/{id}/search", "caller",
     "Pieces of an imported course that answer ?q, best first, as far as the caller may see them; for who has `search_course` on the site or in the course.",
     NULL,
     OBJECT("\"course_id\":{\"type\":\"string\"},\"fused\":{\"type\":\"boolean\"},\"indexed\":{\"type\":\"boolean\"},\"notice\":" TEXT_OR_NULL
            ",\"results\":{\"type\":\"array\",\"items\":" OBJECT(
         "\"unit_id\":{\"type\":\"string\"},\"unit_name\":{\"type\":\"string\"},\"block_id\":{\"type\":\"string\"},"
         "\"block_name\":{\"type\":\"string\"},\"url\":{\"type\":\"string\"},\"heading\":{\"type\":\"string\"},"
         "\"quote\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"},\"score\":{\"type\":\"number\"}") "}"),
     0, 0, lt_get_course_search, .query = "q location_id limit:1..20"},
    {"GET", "/v1/courses/{id}/index", "caller", "How far the index of an imported course is; for who has `search_course` there.", NULL,
     OBJECT("\"course_id\":{\"type\":\"string\"},\"state\":{\"enum\":[\"waiting\",\"ready\"]},\"chunks\":{\"type\":\"integer\"},"
            "\"vectors\":{\"enum\":[\"off\",\"waiting\",\"ready\",\"failed\"]},\"embedded\":{\"type\":\"integer\"},\"model\":{\"type\":\"string\"},"
            "\"dimension\":{\"type\":\"integer\"},\"error\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"},\"retry_at\":" TIME
            ",\"updated_at\":" TIME),
     0, 0, lt_get_course_index},
    {"GET", "/v1/roles", "manage_roles", "Who is what in which course, by id; ?user and ?course_id choose, ?after and ?limit page.", NULL,
     OBJECT("\"roles\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_roles,
     .query = "user course_id after:int limit:1..10000",
     .list = "roles +id +user_id +course_id +role +created_at:time +created_by"},
    {"PUT", "/v1/roles", "manage_roles", "Give a user a role in a course, or in the whole site.", role_put, role, LT_BODY_SMALL, 0, lt_put_role},
    {"GET", "/v1/roles/mine", "caller", "The roles that the caller has in ?course_id.", NULL,
     OBJECT("\"course_id\":{\"type\":\"string\"},\"roles\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), 0, 0, lt_get_my_roles,
     .query = "course_id"},
    {"POST", "/v1/roles/import", "manage_roles", "Give many at once; with `replace` all others are taken. A refusal lists all `errors`.", role_import,
     OBJECT("\"rows\":{\"type\":\"integer\"}"), LT_BODY_ACTION, 0, lt_post_role_import},
    {"DELETE", "/v1/roles/{id}", "manage_roles", "Take one.", NULL, NULL, 0, 0, lt_delete_role, .statuses = "204"},
    {"GET", "/v1/courses", "manage_courses", "The courses that were imported from files, by course_id.", NULL, course_list, 0, 0, lt_get_courses,
     .query = "after limit:1..1000", .list = "courses +course_id +title +format language +blocks +imported_at:time !revision !sha256"},
    {"POST", "/v1/courses", "manage_courses", "Import the package that is the body: OLX (.tar.gz), Common Cartridge (.imscc), Moodle backup (.mbz). `warnings` say what was left out.",
     NULL, course_imported, COURSE_BODY_MAX, LT_ROUTE_FILE, lt_post_course, .query = "course_id title", .statuses = "201 400 409 413 415 503"},
    {"GET", "/v1/courses/{id}", "manage_courses", "One of them, with what it says about itself and what its import left out.", NULL, course, 0, 0,
     lt_get_course},
    {"DELETE", "/v1/courses/{id}", "manage_courses", "Remove it.", NULL, NULL, 0, 0, lt_delete_course, .statuses = "204 409"},
    {"GET", "/v1/keys", "manage_keys", "The site's keys that are not revoked, by id; never the keys themselves.", NULL, key_list, 0, 0, lt_get_keys,
     .query = "after:int limit:1..10000",
     .list = "keys +id +prefix +role +name +choose_provider +created_at:time +expires_at:time +last_used_at:time"},
    {"POST", "/v1/keys", "manage_keys", "Make a key; it is in this answer alone.", key_post, key_new, LT_BODY_SMALL, 0, lt_post_key,
     .statuses = "201"},
    {"POST", "/v1/keys/{id}/rotate", "manage_keys", "Make another of the same rights; this one ends after the overlap. {id} is a number or a prefix.",
     key_rotate, key_new, LT_BODY_SMALL, 0, lt_post_key_rotate, .statuses = "201"},
    {"DELETE", "/v1/keys/{id}", "manage_keys", "Revoke it at once.", NULL, NULL, 0, 0, lt_delete_key, .statuses = "204"},
    {"GET", "/v1/permissions", "manage_permissions", "What each role may do, and whether the defaults or the site say so.", NULL, permission_list, 0, 0,
     lt_get_permissions,
     .list = "permissions +permission roles"},
    {"PUT", "/v1/permissions", "manage_permissions", "Give or take a permission; null: as by default. Nobody changes what they lack.", permission_put,
     permission_cell, LT_BODY_SMALL, 0, lt_put_permission},
    {"GET", "/v1/site", "manage_site", "The site: its name, the settings in force, which of them were set, and their schema.", NULL, site, 0,
     LT_ROUTE_CONFIG, lt_get_site},
    {"PATCH", "/v1/site", "manage_site", "Change it (merge patch): a setting that is null is as by default again.", site_patch, site, LT_BODY_SMALL,
     LT_ROUTE_CONFIG, lt_patch_site},
    {"GET", "/v1/plugins", "view_plugins", "The plugins, how they stand and what they provide; per service who asks for it and what they get here.",
     NULL, plugins, 0, 0, lt_get_plugins},
    {"GET", "/v1/health", "view_health", "What is wrong with the installation as far as it touches the site, and what to do about it.", NULL, health, 0,
     0, lt_get_health},
    {"GET", "/v1/overview", "view_usage_report", "The site at a glance: figures in parts of a period (the last day), errors, what is so now.", NULL,
     overview, 0, 0, lt_get_overview, .query = "since until buckets:1..120", .statuses = REPORT_STATUSES},
    {"GET", "/v1/services", "caller",
     "The services and how each stands for the caller, for a ?component also those that it declares; ?since: only those that changed after `generation`.",
     NULL, OBJECT("\"generation\":{\"type\":\"string\"},\"services\":{\"type\":\"array\",\"items\":" SERVICE "}"), 0, LT_ROUTE_CONFIG, lt_get_services,
     .query = "component course_id location_id placement since",
     .list = "services +service +component +declared +status +version granted reason retry_at:time candidates"},
    {"GET", "/v1/services/{name}", "caller", "Can the ?component use it here, in which version; for administrators with all candidates and reasons.",
     NULL, SERVICE, 0, LT_ROUTE_CONFIG, lt_get_service, .query = "component course_id location_id placement"},
    {"GET", "/v1/templates", "manage_workflows", "The templates that profiles patch.", NULL, PAGE_OF("templates", TEXT_OR_NULL), 0, 0,
     lt_get_templates,
     .query = "after limit:1..1000",
     .list = "templates +path +name +description +orchestrator_class +valid errors"},
    {"GET", "/v1/templates/{path*}", "manage_workflows", "One template: its text, its configuration, what is wrong with it.", NULL, OBJECT(""), 0, 0,
     lt_get_template},
    {"GET", "/v1/profiles", "manage_workflows",
     "The profiles, by slug; with a context in the query those that a scope leads to, each with matched_scopes.",
     NULL, PAGE_OF("profiles", TEXT_OR_NULL), 0, 0, lt_get_profiles,
     .query = "course_id location_id ui_slot_selector_id service_variant:lms|cms after limit:1..10000",
     .list = "profiles +slug +id uuid +description +base_filepath content_patch +version +orchestrator_class +valid errors usage "
             "+created_at:time +updated_at:time matched_scopes"},
    {"POST", "/v1/profiles", "manage_workflows", "Add a profile; a refusal lists all `errors`.", profile_post, profile, 2 * LT_BODY_SMALL, 0,
     lt_post_profile,
     .statuses = "201"},
    {"POST", "/v1/profiles/validate", "manage_workflows", "What a template and a patch would make.", profile_validate,
     OBJECT("\"valid\":{\"type\":\"boolean\"},\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), 2 * LT_BODY_SMALL, 0,
     lt_post_profile_validate},
    {"GET", "/v1/profiles/{id}", "manage_workflows", "One profile, by number, UUID or slug; secrets are redacted.", NULL, profile, 0, LT_ROUTE_CONFIG,
     lt_get_profile},
    {"PATCH", "/v1/profiles/{id}", "manage_workflows", "Change it; a refusal lists all `errors`.", profile_patch, profile, 2 * LT_BODY_SMALL,
     LT_ROUTE_CONFIG,
     lt_patch_profile},
    {"DELETE", "/v1/profiles/{id}", "manage_workflows", "Remove it with its scopes and conversations.", NULL, NULL, 0, LT_ROUTE_CONFIG,
     lt_delete_profile,
     .statuses = "204"},
    {"GET", "/v1/profiles/{id}/history", "manage_workflows", "Its versions, newest first.", NULL, PAGE_OF("versions", COUNT), 0, 0,
     lt_get_profile_history,
     .query = "before:int limit:1..100",
     .list = "versions +version +slug +description +base_filepath content_patch +changed_by +changed_at:time"},
    {"GET", "/v1/profiles/{id}/diff", "manage_workflows", "What differs between ?from and ?to; by default the last change.", NULL,
     LIST_OF("changes"), 0, 0, lt_get_profile_diff, .query = "from:int to:int",
     .list = "changes +path +op from to"},
    {"GET", "/v1/profiles/{id}/usage", "manage_workflows", "What goes with it when it is removed: its scopes, how many conversations.", NULL,
     OBJECT("\"scope_count\":{\"type\":\"integer\"},\"session_count\":{\"type\":\"integer\"},\"scopes\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"),
     0, 0, lt_get_profile_usage,
     .list = "scopes +id uuid +profile_id +course_id +location_regex +ui_slot_selector_id +service_variant +enabled +specificity_index "
             "warnings"},
    {"GET", "/v1/prompts", "manage_workflows", "The prompt templates, by slug.", NULL, PAGE_OF("prompts", TEXT_OR_NULL), 0, 0, lt_get_prompts,
     .query = "after limit:1..10000",
     .list = "prompts +slug id body +version usage +created_at:time +updated_at:time"},
    {"POST", "/v1/prompts", "manage_workflows", "Add a prompt template.", prompt_post, prompt, LT_BODY_SMALL, 0, lt_post_prompt, .statuses = "201"},
    {"GET", "/v1/prompts/{id}", "manage_workflows", "One prompt template, by slug or id.", NULL, prompt, 0, LT_ROUTE_CONFIG, lt_get_prompt},
    {"PATCH", "/v1/prompts/{id}", "manage_workflows", "Change it.", prompt_patch, prompt, LT_BODY_SMALL, LT_ROUTE_CONFIG, lt_patch_prompt},
    {"DELETE", "/v1/prompts/{id}", "manage_workflows", "Remove it, when no profile uses it.", NULL, NULL, 0, LT_ROUTE_CONFIG, lt_delete_prompt,
     .statuses = "204"},
    {"GET", "/v1/prompts/{id}/history", "manage_workflows", "Its versions, newest first.", NULL, PAGE_OF("versions", COUNT), 0, 0,
     lt_get_prompt_history,
     .query = "before:int limit:1..100",
     .list = "versions +version +slug body +changed_by +changed_at:time"},
    {"GET", "/v1/scopes", "manage_workflows", "Scopes by id; ?profile_id and ?course_id choose, ?after and ?limit page.", NULL,
     OBJECT("\"scopes\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_scopes,
     .query = "profile_id:int course_id after:int limit:1..10000",
     .list = "scopes +id uuid +profile_id +course_id +location_regex +ui_slot_selector_id +service_variant +service_variant_label +enabled "
             "+specificity_index warnings"},
    {"POST", "/v1/scopes", "manage_workflows", "Add a scope.", scope_post, scope, LT_BODY_SMALL, 0, lt_post_scope, .statuses = "201"},
    {"GET", "/v1/scopes/resolve", "manage_workflows", "Which scope decides in a context, and why not the others.", NULL,
     OBJECT("\"scope\":{\"type\":[\"object\",\"null\"]},\"profile\":{\"type\":[\"object\",\"null\"]},\"considered_total\":{\"type\":\"integer\"},"
            "\"considered\":{\"type\":\"array\",\"items\":" OBJECT("\"id\":{\"type\":\"integer\"},\"reason\":{\"type\":\"string\"},"
            "\"text\":{\"type\":\"string\"},\"scope\":{\"type\":\"object\"}") "}"), 0, 0, lt_get_scope_resolve,
     .query = "course_id location_id ui_slot_selector_id service_variant:lms|cms"},
    {"GET", "/v1/scopes/{id}", "manage_workflows", "One scope, by id or UUID.", NULL, scope, 0, LT_ROUTE_CONFIG, lt_get_scope},
    {"PATCH", "/v1/scopes/{id}", "manage_workflows", "Change it.", scope_patch, scope, LT_BODY_SMALL, LT_ROUTE_CONFIG, lt_patch_scope},
    {"DELETE", "/v1/scopes/{id}", "manage_workflows", "Remove it with its conversations.", NULL, NULL, 0, LT_ROUTE_CONFIG, lt_delete_scope,
     .statuses = "204"},
    {"GET", "/v1/sessions", "caller", "Conversations, newest first: one's own, or all of the site; ?profile_id, ?scope_id and ?user choose.", NULL,
     OBJECT("\"sessions\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":" COUNT), 0, 0, lt_get_sessions,
     .query = "profile_id scope_id:int user before:int limit:1..1000",
     .list = "sessions +number id +user_id +profile_id +scope_id +course_id +location_id +turns +turns_cleared +created_at:time "
             "+updated_at:time"},
    {"GET", "/v1/sessions/{id}", "caller", "One of them.", NULL, session, 0, 0, lt_get_session},
    {"DELETE", "/v1/sessions/{id}", "caller", "Remove it with all its turns.", NULL, NULL, 0, 0, lt_delete_session, .statuses = "204"},
    {"POST", "/v1/sessions/{id}/clear", "caller", "Begin a new thread in it.",
     "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" USER "}}", session, LT_BODY_SMALL, 0, lt_post_session_clear},
    {"GET", "/v1/sessions/{id}/thread", "caller", "Its thread: ?view=local, remote or combined.", NULL,
     OBJECT("\"view\":{\"type\":\"string\"},\"complete\":{\"type\":\"boolean\"},"
            "\"thread\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\"}}"), 0, 0, lt_get_session_thread,
     .query = "view:local|remote|combined", .statuses = "422 429 502 504"},
    {"GET", "/v1/sessions/{id}/collection", "caller",
     "What was saved in it: questions as ?format=json, olx, moodle_xml or qti, flash cards as json or csv.",
     NULL, exported, 0, 0, lt_get_session_collection, .query = "format:json|olx|moodle_xml|qti|csv", .types = EXPORT_TYPES " text/csv"},
    {"POST", "/v1/questions/convert", "caller", "Questions, as generate_question gives them, in a format that learning platforms read.",
     question_convert, exported, LT_BODY_ACTION, 0, lt_post_question_convert, .types = EXPORT_TYPES},
    {"GET", "/v1/sessions/{id}/messages", "caller", "The newest messages, or with ?shown=N those before the newest N; ?limit.", NULL,
     OBJECT("\"messages\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"metadata\":" OBJECT("\"has_more\":{\"type\":\"boolean\"},"
            "\"current_count\":{\"type\":\"integer\"},\"new_count\":{\"type\":\"integer\"}")), 0, 0, lt_get_session_messages,
     .query = "shown:int limit:1..100"},
    {"POST", "/v1/privacy/export", "caller", "All that is kept of a user, as lines of JSON.", privacy_request, NULL, LT_BODY_SMALL, 0,
     lt_post_privacy_export, .types = "application/x-ndjson"},
    {"POST", "/v1/privacy/erase", "caller", "Delete all that is kept of a user; 202 while it is under way.", privacy_request, privacy_job, LT_BODY_SMALL, 0,
     lt_post_privacy_erase, .statuses = "200 202"},
    {"GET", "/v1/privacy/jobs/{id}", "caller", "How far an erasure is, or what an export came to.", NULL, privacy_job, 0, 0, lt_get_privacy_job},
    {"GET", "/v1/privacy/metadata", "export_user_data", "What is kept of users, in which tables, and what an erasure does to it.", NULL, LIST_OF("tables"),
     0, 0, lt_get_privacy_metadata,
     .list = "tables +table +personal +what +kept +erasure +exported"},
    {"GET", "/v1/files/{id}", "public", "A picture that was made, by a link that was given out for a while.", NULL, NULL, 0, 0, lt_get_file,
     .query = "site expires:int signature", .statuses = "304 403 404", .types = "image/png image/jpeg image/webp"},
    {"GET", "/v1/register", "view_register", "Calls, newest first.", NULL, PAGE_OF("calls", TEXT_OR_NULL), 0, 0, lt_get_register,
     .query = "user action state course_id provider model placement code since until before:uuid limit:1..1000",
     .list = "calls id ^created_at:time completed_at:time user_id action course_id location_id placement state code detail provider plugin "
             "model prompt_tokens completion_tokens total_tokens cost content_stored"},
    {"GET", "/v1/register/export", "view_register", "Calls as a file, oldest first: JSON lines or CSV.", NULL, NULL, 0, 0, lt_get_register_export,
     .query = "format:jsonl|csv content:true|false user action state course_id provider model placement code since until",
     .types = "application/x-ndjson text/csv"},
    {"GET", "/v1/register/{id}", "view_register", "One call with its attempts and content.", NULL, OBJECT(""), 0, 0, lt_get_register_call},
    {"GET", "/v1/reports/guards", "view_register",
     "What guards have found in calls, or would have blocked, by day (UTC), rule and action, newest day first. JSON or CSV.", NULL, guard_report, 0, 0,
     lt_get_report_guards, .query = "since until format:json|csv", .types = "text/csv"},
    {"GET", "/v1/reports/usage", "caller", "Calls and tokens, of the site, of a course or (?view=own) one's own. JSON or CSV.", NULL, report, 0, 0,
     lt_get_report_usage, .query = REPORT_QUERY, .statuses = REPORT_STATUSES, .types = "text/csv"},
    {"GET", "/v1/reports/cost", "caller", "What calls have cost, in millionths of the currency; those without a price apart.", NULL, report, 0, 0,
     lt_get_report_cost, .query = REPORT_QUERY, .statuses = REPORT_STATUSES, .types = "text/csv"},
    {"GET", "/v1/reports/errors", "caller", "What went wrong, in calls and in attempts at providers, with the newest call of each.", NULL, report, 0,
     0, lt_get_report_errors, .query = REPORT_QUERY " of:call|attempt", .statuses = REPORT_STATUSES, .types = "text/csv"},
    {"GET", "/v1/reports/latency", "caller", "How long calls or attempts took: exact percentiles.", NULL, report, 0, 0,
     lt_get_report_latency, .query = REPORT_QUERY " of:call|attempt", .statuses = REPORT_STATUSES, .types = "text/csv"},
    {"GET", "/v1/reports/feedback", "caller", "How users have rated answers.", NULL, report, 0, 0, lt_get_report_feedback, .query = REPORT_QUERY,
     .statuses = REPORT_STATUSES, .types = "text/csv"},
    {"POST", "/openedx-ai-extensions/v1/workflows", "caller", "Open edX: run what ?context leads to. JSON, or text/plain where the profile streams.",
     openedx_run, OBJECT("\"timestamp\":" TIME), LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS | LT_ROUTE_COOKIES,
     lt_openedx_post_workflow, .query = "context"},
    {"GET", "/openedx-ai-extensions/v1/profile", "caller", "Open edX: what the widget in ?context shows, or status no_config.", NULL,
     openedx_profile, 0,
     LT_ROUTE_COOKIES, lt_openedx_get_profile, .query = "context"},
    {"GET", "/openedx-ai-extensions/v1/profiles", "caller", "Open edX: the profiles of ?context, for its staff.", NULL, LIST_OF("profiles"), 0,
     LT_ROUTE_COOKIES, lt_openedx_get_profiles, .query = "context"},
    {"GET", "/openedx-ai-extensions/v1/prompts/{id}", "caller", "Open edX: a prompt template, for staff.", NULL, openedx_prompt, 0, LT_ROUTE_COOKIES,
     lt_openedx_get_prompt},
    {"PATCH", "/openedx-ai-extensions/v1/prompts/{id}", "caller", "Open edX: change its text, for staff.",
     "{\"type\":\"object\",\"properties\":{\"body\":{}}}", openedx_prompt, LT_BODY_SMALL, LT_ROUTE_COOKIES, lt_openedx_patch_prompt},
    {"POST", "/openai/v1/chat/completions", "caller", "OpenAI: the next turn of a conversation, or what the model's name means. JSON or chunks.",
     LT_OPENAI_CHAT_REQUEST, LT_OPENAI_CHAT_ANSWER, LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS, lt_openai_post_chat},
    {"POST", "/openai/v1/embeddings", "caller", "OpenAI: vectors of texts.", LT_OPENAI_EMBEDDINGS_REQUEST, LT_OPENAI_EMBEDDINGS_ANSWER,
     LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY, lt_openai_post_embeddings},
    {"POST", "/openai/v1/images/generations", "caller", "OpenAI: pictures, as base64 or by links that hold for a while.", LT_OPENAI_IMAGES_REQUEST,
     LT_OPENAI_IMAGES_ANSWER, LT_BODY_SMALL, LT_ROUTE_COSTS_MONEY, lt_openai_post_images},
    {"GET", "/openai/v1/models", "caller", "OpenAI: the names that the caller may use as model.", NULL, LT_OPENAI_MODELS, 0, 0, lt_openai_get_models},
    {"GET", "/openai/v1/models/{id*}", "caller", "OpenAI: one of them.", NULL, LT_OPENAI_MODEL, 0, 0, lt_openai_get_model},
    {"POST", "/openai/v1/responses", "caller", "OpenAI: make an answer, as one object or as events. Lectern keeps it and its thread.", openai_responses_post,
     openai_response, LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS, lt_openai_post_response},
    {"GET", "/openai/v1/responses/{id}", "caller", "OpenAI: a kept answer.", NULL, openai_response, 0, 0, lt_openai_get_response,
     .query = "stream:true|false"},
    {"DELETE", "/openai/v1/responses/{id}", "caller", "OpenAI: remove it.", NULL, openai_response_deleted, 0, 0, lt_openai_delete_response},
    {"POST", "/openai/v1/responses/{id}/cancel", "caller", "OpenAI: end one that is still being made.", NULL, openai_response, 0, 0,
     lt_openai_cancel_response},
    {"GET", "/openai/v1/responses/{id}/input_items", "caller", "OpenAI: what was sent for it, newest first; ?order, ?limit, ?after and ?before.", NULL,
     openai_input_items, 0, 0, lt_openai_get_input_items, .query = "order:asc|desc limit:1..100 after before"},
    {"POST", "/ollama/api/generate", "caller", "Ollama: answer a prompt. A line for each piece, or JSON with stream false.", LT_OLLAMA_GENERATE,
     LT_OLLAMA_ANSWER("\"response\":{\"type\":\"string\"}"), LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS | LT_ROUTE_ANY_TYPE,
     lt_ollama_post_generate},
    {"POST", "/ollama/api/chat", "caller", "Ollama: the next turn of a conversation.", LT_OLLAMA_CHAT,
     LT_OLLAMA_ANSWER("\"message\":{\"type\":\"object\"}"), LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_STREAMS | LT_ROUTE_ANY_TYPE,
     lt_ollama_post_chat},
    {"POST", "/ollama/api/embed", "caller", "Ollama: texts as vectors.", LT_OLLAMA_EMBED,
     OBJECT("\"model\":{\"type\":\"string\"},\"embeddings\":{\"type\":\"array\",\"items\":{\"type\":\"array\"}}"), LT_BODY_ACTION,
     LT_ROUTE_COSTS_MONEY | LT_ROUTE_ANY_TYPE, lt_ollama_post_embed},
    {"POST", "/ollama/api/embeddings", "caller", "Ollama: one text as a vector, in an older form.", LT_OLLAMA_EMBED,
     OBJECT("\"embedding\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}"), LT_BODY_ACTION, LT_ROUTE_COSTS_MONEY | LT_ROUTE_ANY_TYPE,
     lt_ollama_post_embeddings},
    {"GET", "/ollama/api/tags", "caller", "Ollama: the models that the caller may use.", NULL, LIST_OF("models"), 0, 0, lt_ollama_get_tags},
    {"POST", "/ollama/api/show", "caller", "Ollama: one of them.", LT_OLLAMA_SHOW,
     OBJECT("\"details\":{\"type\":\"object\"},\"capabilities\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), LT_BODY_SMALL,
     LT_ROUTE_ANY_TYPE, lt_ollama_post_show},
    {"GET", "/ollama/api/version", "caller", "Ollama: the version of its API that is spoken.", NULL, OBJECT("\"version\":{\"type\":\"string\"}"), 0, 0,
     lt_ollama_get_version},
    {"GET", "/ollama/api/ps", "caller", "Ollama: the models that are loaded, of which there are none.", NULL, LIST_OF("models"), 0, 0, lt_ollama_get_ps},
    {"GET", "/ollama", "public", "Ollama: is there a server?", NULL, NULL, 0, 0, lt_ollama_get_root,
     .types = "text/plain"},
    {"GET", "/healthz", "public", "The process is alive.", NULL, status, 0, 0, lt_get_healthz},
    {"GET", "/readyz", "public", "The process takes requests.", NULL, status, 0, 0, lt_get_readyz},
    {"GET", "/metrics", "view_metrics", "Figures for Prometheus.", NULL, NULL, 0, 0, lt_get_metrics, .types = "text/plain application/openmetrics-text"},
    {"GET", "/v1/openapi.json", "public", "This list.", NULL, OBJECT(""), 0, 0, lt_get_openapi},
    {"GET", "/demo", "public", "The demo course.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_demo_index, .types = "text/html",
     .query = "role:learner|teacher|author"},
    {"GET", "/demo/units/{id}", "public", "A unit of the demo course.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_demo_unit, .types = "text/html",
     .query = "role:learner|teacher|author"},
    {"GET", "/demo/static/{path*}", "public", "Files of the demo course.", NULL, NULL, 0, LT_ROUTE_DEMO, lt_get_demo_static, .types = "*/*"},
    {"POST", "/mcp", "caller", "Model Context Protocol: a message. Answered by JSON, or by events while a model answers.", mcp_message, mcp_answer,
     LT_BODY_ACTION, LT_ROUTE_STREAMS, lt_mcp_post, .statuses = "200 202 404"},
    {"GET", "/mcp", "caller", "Model Context Protocol: come back to the events of a call, with Last-Event-ID.", NULL, NULL, 0, LT_ROUTE_STREAMS,
     lt_mcp_get, .statuses = "404 405"},
    {"POST", "/v1/console/session", "public", "Sign in to the console with an administrator's key: the answer sets its cookie.", console_sign_in,
     console_session, LT_BODY_SMALL, 0, lt_post_console_session, .statuses = "401 403 429"},
    {"GET", "/v1/console/session", "caller", "Who is signed in to the console by this cookie; 401 without it.", NULL, console_session, 0, 0,
     lt_get_console_session},
    {"DELETE", "/v1/console/session", "caller", "Sign out of the console.", NULL, NULL, 0, 0, lt_delete_console_session, .statuses = "204"},
    {"GET", "/admin", "public", "The console.", NULL, NULL, 0, 0, lt_get_console_page, .types = "text/html", .statuses = "404"},
    {"GET", "/admin/static/{path*}", "public", "Files of the console.", NULL, NULL, 0, 0, lt_get_console_static, .types = "*/*"},
    {"GET", "/admin/{path*}", "public", "A page of the console.", NULL, NULL, 0, 0, lt_get_console_page, .types = "text/html"},
    {"GET", "/docs", "public", "The documentation.", NULL, NULL, 0, 0, lt_get_docs, .types = "text/html", .statuses = "404"},
    {"GET", "/docs/{path*}", "public", "A page of the documentation.", NULL, NULL, 0, 0, lt_get_docs_page, .types = "*/*"},
    {"GET", "/widgets/{path*}", "public", "The widgets.", NULL, NULL, 0, 0, lt_get_widget, .types = "*/*"},
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
