/*
 * A course as all importers give it: chapters, sequences, units and blocks in their order, with who sees them. What cannot be taken over is left out
 * with a warning that says where and why; so an import tells what is not in it.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "core/connector.h"

enum {
    LT_COURSE_NODES_MAX = 100000,
    LT_COURSE_DEPTH_MAX = 32,
    LT_COURSE_TEXT_MAX = 64 << 20,      /* bytes of all texts */
    LT_COURSE_BLOCK_MAX = 1 << 20,      /* bytes of one text; what is longer is cut, with a warning */
    LT_COURSE_NAME_MAX = 1000,          /* bytes of a name */
    LT_COURSE_ID_MAX = 255,             /* bytes of ids: as long as contexts may name them */
    LT_COURSE_WARNINGS_MAX = 200,       /* that are kept word by word; the rest is counted */
};

enum lt_course_kind { LT_COURSE_CHAPTER, LT_COURSE_SEQUENCE, LT_COURSE_UNIT, LT_COURSE_BLOCK };
const char *lt_course_kind_name(enum lt_course_kind kind); /* "chapter", … */

struct lt_course_node {
    enum lt_course_kind kind;
    struct lt_str id, category, name;
    struct lt_str text, answers, showanswer; /* of blocks, as struct lt_content_block has them */
    struct lt_str url;
    bool hidden;                             /* only who teaches sees it */
    int64_t from, until;                     /* ms; 0: always, for ever */
    struct lt_str groups;                    /* JSON array of names of which a learner needs one; "": none */
    struct lt_course_node *parent, *first, *last, *next;
    /* by lt_course_tree_finish(): */
    int64_t position, ending;                /* its own, and the last one in it */
    char sha256[65];                         /* of name, text and answers */
};

struct lt_course_warning {
    struct lt_str file, reason;
};

struct lt_course_tree {
    struct lt_arena *arena;
    const char *format;                /* olx, common_cartridge, moodle_backup */
    struct lt_str course_id, title, language;
    struct lt_str about[LT_COURSE_TEXTS]; /* by enum lt_course_field; p NULL: it does not say */
    struct lt_course_node root;        /* the course: no row of its own */
    size_t n, text_bytes;
    struct lt_course_warning warnings[LT_COURSE_WARNINGS_MAX];
    size_t warnings_n, more_warnings;
    uint64_t deadline_ms;              /* of lt_mono_ms() */
    struct lt_course_node **ids;       /* table by id, of ids_room places */
    size_t ids_room;
};

void lt_course_tree_init(struct lt_course_tree *tree, struct lt_arena *arena, uint64_t deadline_ms);
/*
 * A new one at the end of parent. id, category and name are copied and cut to their maxima; an id that is there already gets "~2" behind it, …
 * LT_ETOO_LARGE: too many, or too deep; LT_ETIMEOUT.
 */
enum lt_code lt_course_add(struct lt_course_tree *tree, struct lt_course_node *parent, enum lt_course_kind kind, struct lt_str id, struct lt_str category,
                           struct lt_str name, struct lt_course_node **ret, struct lt_error *err);
/* The node of that id, or NULL. */
const struct lt_course_node *lt_course_by_id(struct lt_course_tree *tree, struct lt_str id);
void lt_course_warn(struct lt_course_tree *tree, struct lt_str file, const char *format, ...) __attribute__((format(printf, 3, 4)));
/*
 * The text of HTML in any encoding that we take (text/html_text.h); "" with a warning when it cannot be read or has room no more. `file`: where it
 * stands, for warnings.
 */
struct lt_str lt_course_html(struct lt_course_tree *tree, struct lt_str file, struct lt_str html);
/* Counts a text towards the maxima and copies it; what is too long is cut, with a warning. */
struct lt_str lt_course_text(struct lt_course_tree *tree, struct lt_str file, struct lt_str text);
/* Not before `from`, not from `until` on (0: no word on it), besides what is known already. */
void lt_course_limit_time(struct lt_course_node *node, int64_t from, int64_t until);
/* Only to members of these groups, whatever they are; a second call hides it: both are needed then, and rows hold one list. */
void lt_course_limit_groups(struct lt_course_tree *tree, struct lt_course_node *node, const struct lt_str *names, size_t n);
/* Positions, endings and hashes. The error: a course id or title is missing, or nothing is in it. */
enum lt_code lt_course_tree_finish(struct lt_course_tree *tree, struct lt_error *err);
/* The node behind this one, parents before children; NULL at the end. Begins with &tree->root. */
struct lt_course_node *lt_course_next(const struct lt_course_node *node);
/* Two texts with an empty line between, in the arena; either may be "". */
struct lt_str lt_course_join(struct lt_arena *arena, struct lt_str a, struct lt_str b);
/* Is it an address that begins with http:// or https:// and has no blanks or control characters? */
bool lt_course_is_web(struct lt_str url);
