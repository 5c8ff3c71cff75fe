/*
 * Rules over texts that go to a model or come from it: one of the site's list `guards`. Compiled with the snapshot, then immutable; judging is pure but
 * for moderation, which asks a model (watch.c). Any thread.
 */
#pragma once
#include "core/guard.h"

enum {
    LT_RULES_MAX = 50,
    LT_RULE_PATTERNS_MAX = 20,
    LT_RULE_PATTERN_BYTES = 1024,
    LT_RULE_MATCH_LIMIT = 100000,        /* PCRE2's count of steps: what takes more is undecided */
    LT_RULE_CODE_MAX = 1 << 20,          /* bytes of one compiled pattern */
};

enum lt_guard_stage { LT_GUARD_INPUT, LT_GUARD_OUTPUT };
enum lt_rule_type { LT_RULE_LENGTH, LT_RULE_PATTERN, LT_RULE_LANGUAGE, LT_RULE_MODERATION };
enum lt_rule_mode { LT_RULE_OFF, LT_RULE_DRY_RUN, LT_RULE_BLOCK };
enum lt_rule_verdict { LT_RULE_PASS, LT_RULE_HIT, LT_RULE_UNDECIDED };

struct lt_rule {
    struct lt_str name;
    enum lt_rule_type type;
    enum lt_rule_mode mode;
    enum lt_guard_stage stage;
    const struct lt_json *actions, *profiles; /* names, slugs; NULL: all */
    int64_t max;             /* characters */
    const struct lt_json *languages, *categories;
    struct lt_rule_patterns *patterns;
    bool open;               /* undecided passes */
    struct lt_str text;      /* for learners; "" = that of the error */
};

const char *lt_rule_type_name(enum lt_rule_type type);

/* The rules of the setting; LT_EINVALID_INPUT with the field "/guards/2/patterns/0". In the arena, which frees the patterns. */
enum lt_code lt_rules_compile(struct lt_arena *arena, const struct lt_json *setting, struct lt_rule **ret, size_t *ret_n, struct lt_error *err);
/* Is it for calls of that action and profile? */
bool lt_rule_applies(const struct lt_rule *rule, enum lt_guard_stage stage, struct lt_str action, struct lt_str profile);
/* Not for LT_RULE_MODERATION. text: UTF-8. */
enum lt_rule_verdict lt_rule_judge(const struct lt_rule *rule, struct lt_str text);
