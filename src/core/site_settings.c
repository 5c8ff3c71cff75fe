/* The settings of a site. A default says again what config_load.c takes when there is none; tests/system/test_site_api.py compares both. */
#include "core/site_settings.h"

#define HOST "(\\\\[[0-9A-Fa-f:.]+\\\\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?"
#define SETTING(group, name, title, text, otherwise, rest)                                                                                  \
    "\"" name "\":{\"title\":\"" title "\",\"description\":\"" text "\",\"x-group\":\"" group "\",\"default\":" otherwise "," rest "}"
#define NUMBER(group, name, title, text, otherwise, min, max) \
    SETTING(group, name, title, text, otherwise, "\"type\":\"integer\",\"minimum\":" min ",\"maximum\":" max)
#define SWITCH(group, name, title, text, otherwise) SETTING(group, name, title, text, otherwise, "\"type\":\"boolean\"")
#define ONE_OF(group, name, title, text, first, second) \
    SETTING(group, name, title, text, "\"" first "\"", "\"enum\":[\"" first "\",\"" second "\"]")
#define LIST_OF(group, name, title, text, pattern)                                                                                          \
    SETTING(group, name, title, text, "[]", "\"type\":\"array\",\"maxItems\":100,"                                                        \
            "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"pattern\":\"^" pattern "$\"}")

#define PII_MODE "{\"enum\":[\"off\",\"annotate\",\"redact\",\"block\"]}"
#define NAMES(pattern) "{\"type\":\"array\",\"maxItems\":50,\"items\":{\"type\":\"string\",\"pattern\":\"" pattern "\"}}"
#define GENERAL "General"
#define POLICY "Policy and privacy"
#define CALLS "Calls"
#define TASKS "Background tasks"
#define RECORDS "How long things are kept"
#define GUARDS "Guards"
#define LMS "Learning platform"
#define SERVICES "Services"

const char lt_site_settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    SETTING(GENERAL, "language", "Language", "Language of texts for users who ask for none that there is, such as en or de-AT.", "\"en\"",
            "\"type\":\"string\",\"maxLength\":35,\"pattern\":\"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$\"") ","
    SETTING(GENERAL, "time_zone", "Time zone", "In which days, weeks and months of limits and reports begin, such as Europe/Berlin.", "\"UTC\"",
            "\"type\":\"string\",\"minLength\":1,\"maxLength\":64") ","
    SETTING(GENERAL, "currency", "Currency", "Of prices and budgets: three letters as in ISO 4217. Changing it converts nothing.", "\"USD\"",
            "\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"") ","
    SWITCH(POLICY, "policy_by_lms", "The learning platform asks for consent", "Users who come through it count as having accepted the policy.",
           "false") ","
    ONE_OF(POLICY, "openedx_policy", "Consent at the Open edX address",
           "Who asks users to accept the policy there: lms, the platform has done so; lectern, only who has accepted here is let in.", "lms",
           "lectern") ","
    ONE_OF(POLICY, "door_policy", "Consent at the addresses of AI clients", "The same at the addresses that speak as OpenAI and Ollama do.", "lms",
           "lectern") ","
    SWITCH(POLICY, "store_content", "Keep questions and answers",
           "Off: nothing of what is asked and answered is written; the register has only that there was a call, its time and its cost.", "true") ","
    SWITCH(POLICY, "users_may_erase", "Users may delete what is kept about them", "With their own token, without an administrator.", "false") ","
    SETTING(GUARDS, "pii", "Personal data",
            "What is done with personal data in what is sent: off, annotate (they are counted), redact (AI services get placeholders, users see the data"
            " again), block (such a request is refused). For all actions, or for some otherwise. Without kinds all are looked for.", "{\"mode\":\"off\"}",
            "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"mode\":" PII_MODE ","
            "\"kinds\":{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[\"email\",\"phone\",\"card\",\"iban\",\"national_id\",\"ip\","
            "\"name\"]}},\"actions\":{\"type\":\"object\",\"maxProperties\":64,\"propertyNames\":{\"pattern\":\"^[a-z][a-z0-9_]{0,63}$\"},"
            "\"additionalProperties\":" PII_MODE "}}") ","
    SETTING(GUARDS, "guards", "Rules for texts",
            "What may not be sent, or shown: by length, patterns, language or moderation; each for all actions and profiles or for some. With dry_run it is"
            " only reported what would have been blocked.", "[]",
            "\"type\":\"array\",\"maxItems\":50,\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
            "\"required\":[\"name\",\"type\",\"stage\",\"mode\"],\"properties\":{"
            "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9][a-z0-9_-]{0,62}$\"},"
            "\"type\":{\"enum\":[\"length\",\"pattern\",\"language\",\"moderation\"]},\"stage\":{\"enum\":[\"input\",\"output\"]},"
            "\"mode\":{\"enum\":[\"off\",\"dry_run\",\"block\"]},"
            "\"actions\":" NAMES("^[a-z][a-z0-9_]{0,63}$") ",\"profiles\":" NAMES("^[a-z0-9][a-z0-9_-]{0,127}$") ","
            "\"max\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":4000000},"
            "\"patterns\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":20,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1024}},"
            "\"languages\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":20,\"items\":{\"type\":\"string\",\"pattern\":\"^[a-z]{2}$\"}},"
            "\"categories\":" NAMES("^[a-z_]{1,40}$") ","
            "\"undecided\":{\"enum\":[\"block\",\"pass\"]},\"text\":{\"type\":\"string\",\"maxLength\":300}}}") ","
    NUMBER(CALLS, "call_timeout_ms", "Time for a call (ms)", "A call that takes longer is ended, whichever provider is being asked.", "120000", "1000",
           "3600000") ","
    NUMBER(CALLS, "max_running_calls", "Calls at once", "One more is refused, not queued. 0: no limit of the site's own.", "0", "0", "1000000") ","
    NUMBER(CALLS, "max_context_messages", "Messages of a conversation sent along", "The newest ones of the thread. 0: as many as Lectern takes by itself.",
           "0", "0", "100") ","
    NUMBER(CALLS, "resume_grace_ms", "Wait for a reader who left (ms)", "A streamed answer that nobody reads any more goes on so long.", "5000", "0",
           "600000") ","
    NUMBER(CALLS, "refusals_per_second", "Refusals recorded for a user each second", "More of them are refused without a record.", "5", "0", "1000") ","
    NUMBER(CALLS, "idempotency_kept_s", "Life of an Idempotency-Key (s)", "Within it the same key gives the same answer and is not charged again.",
           "86400", "60", "2592000") ","
    NUMBER(CALLS, "tool_approval_ms", "Wait for a user's word about a tool (ms)", "Then it counts as refused.", "120000", "100", "600000") ","
    NUMBER(CALLS, "tool_time_ms", "Time for a tool (ms)", "When a model calls it.", "30000", "100", "600000") ","
    SETTING(CALLS, "image_label", "Words on made pictures", "Drawn into the lower left corner of every picture that a model makes, such as AI-generated."
            " Empty: nothing is drawn. The mark for programs is in the file either way.", "\"\"",
            "\"type\":\"string\",\"maxLength\":60,\"pattern\":\"^[^&\\\\p{Cc}]*$\"") ","
    NUMBER(CALLS, "image_link_s", "Life of a link to a picture (s)", "Whoever has the link sees the picture until then. An hour at most where no"
           " answers are kept.", "86400", "60", "31536000") ","
    NUMBER(TASKS, "task_soft_limit_ms", "A task is told to end after (ms)", "It may still save what it has.", "270000", "100", "3600000") ","
    NUMBER(TASKS, "task_hard_limit_ms", "A task has ended after (ms)", "Never below the time at which it is told to.", "300000", "100", "3600000") ","
    NUMBER(TASKS, "tasks_queued_per_user", "Waiting tasks of a user", "One more is refused.", "20", "0", "100000") ","
    NUMBER(TASKS, "tasks_queued_per_site", "Waiting tasks of the site", "One more is refused.", "1000", "0", "100000") ","
    NUMBER(RECORDS, "register_keep_days", "Calls in the register (days)", "Older ones are removed; the sums for reports stay. 0: for ever.", "0", "0",
           "36500") ","
    NUMBER(RECORDS, "content_keep_days", "Their questions and answers (days)", "Older ones are removed, the calls stay. 0: as long as the calls.", "0", "0",
           "36500") ","
    NUMBER(RECORDS, "grading_keep_days", "Gradings (days)", "With what people have decided about them.", "365", "1", "36500") ","
    NUMBER(RECORDS, "response_keep_days", "Answers of the Responses API (days)", "That clients may go on from. 0: they are not kept.", "30", "0", "3650") ","
    NUMBER(RECORDS, "task_kept_s", "Tasks that have ended (s)", "With their results.", "604800", "1", "315360000") ","
    SETTING(LMS, "lms_roles_url", "Address of course roles",
            "Where the platform says what a user is in a course. Empty: it is not asked; roles come from tokens and from the table here.", "\"\"",
            "\"type\":\"string\",\"maxLength\":2048") ","
    NUMBER(LMS, "lms_roles_cache_ms", "Its answers are kept (ms)", "0: it is asked each time.", "60000", "0", "3600000") ","
    LIST_OF(LMS, "lms_hosts", "Hosts of the platform", "Host or host:port. Requests that come there are for learners' pages.", HOST) ","
    LIST_OF(LMS, "cms_hosts", "Hosts of the authoring tool", "Host or host:port. Requests that come there are for authors' pages.", HOST) ","
    LIST_OF(LMS, "cors_origins", "Pages that may call the API", "scheme://host, with a port where it is not the usual one.", "https?://" HOST) ","
    ONE_OF(LMS, "slot_matching", "How scopes match slots",
           "exact: a scope with a slot is for that slot alone; wildcard: one without a slot fits every widget, as the Open edX plugin matches.", "exact",
           "wildcard") ","
    NUMBER(LMS, "scope_cache_entries", "Kept results of scopes", "Places for which is remembered which scope decides. 0: none.", "128", "0", "65536") ","
    LIST_OF(SERVICES, "mcp_hosts", "Hosts of MCP servers", "Host or host:port that the site's MCP servers may be at. None: no server by HTTP.", HOST) ","
    SETTING(SERVICES, "services", "Who may provide a service",
            "For each service the plugins in the order in which they are taken. any as the last: then whoever provides it; none alone: nobody.", "{}",
            "\"type\":\"object\",\"maxProperties\":256,\"propertyNames\":{\"pattern\":\"^[a-z][a-z0-9_.-]{0,62}$\"},"
            "\"additionalProperties\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"uniqueItems\":true,"
            "\"items\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_.-]{0,62}$\"}}") "}}";

const struct lt_json *lt_site_settings_properties(struct lt_arena *arena)
{
    const struct lt_json *schema = NULL;
    lt_json_parse(arena, lt_str(lt_site_settings_schema), LT_JSON_STRICT, &schema, NULL);
    return lt_json_get(schema, "properties");
}

void lt_site_settings_put(struct lt_jw *w, struct lt_arena *arena, const struct lt_site *site)
{
    const struct lt_json *all = lt_site_settings_properties(arena);
    for (size_t i = 0; i < lt_json_len(all); i++) {
        struct lt_str name = lt_json_key_at(all, i);
        const struct lt_json *set = lt_json_get_str(site->settings, name);
        lt_jw_key_str(w, name);
        if (lt_str_is(name, "task_hard_limit_ms"))
            lt_jw_int(w, site->task_hard_limit_ms); /* may be above what was set: not below the soft one */
        else
            lt_jw_json(w, set ? set : lt_json_get(lt_json_at(all, i), "default"));
    }
}
