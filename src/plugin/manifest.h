/*
 * Manifests of plugins: what a plugin adds, read without running any of its code. NAME.json (JSON5) beside NAME.so, or beside a program of any
 * language that "command" names.
 */
#pragma once
#include "core/registry.h"
#include "text/json.h"

enum { LT_MANIFEST_MAX = 1 << 20 /* bytes */, LT_MANIFEST_COMMAND_MAX = 16 };

struct lt_manifest {
    struct lt_str id, version, title, description, license;
    int64_t major, minor;      /* of version */
    const char *path;          /* of the manifest */
    const char *file;          /* of the library, or of the program: what is hashed; of data alone, the manifest itself */
    bool data;                 /* it adds nothing but data: there is no code */
    const char *command[LT_MANIFEST_COMMAND_MAX + 1]; /* NULL-terminated; empty for a library */
    bool in_process;           /* "run": "in_process" is asked for; whoever starts it says whether it is granted */
    struct lt_str text;        /* as it was read */
    const struct lt_json *json;
};

/* A list of `provides`. */
struct lt_manifest_kind {
    enum lt_kind kind;
    const char *member;        /* "tools" */
};
extern const struct lt_manifest_kind lt_manifest_kinds[];
extern const size_t lt_manifest_kinds_n;

/*
 * Reads and checks one. Blocking; any thread. All lies in the arena. LT_ECONFIG names the file, the field and the reason: unreadable, no JSON5,
 * not by the schema, an ABI that is not this program's, a schema in it that cannot be compiled, a name twice, a file that others than root and this
 * process's user may change. LT_ENOT_FOUND: some other JSON file, without "manifest" in it and a library beside it.
 */
enum lt_code lt_manifest_read(struct lt_arena *arena, const char *path, struct lt_manifest *ret, struct lt_error *err);
/* What it adds of a kind: an array, NULL when nothing. */
const struct lt_json *lt_manifest_provides(const struct lt_manifest *manifest, enum lt_kind kind);
/* The path of the manifest that belongs to a library: "x.json" for "x.so". */
const char *lt_manifest_beside(struct lt_arena *arena, const char *library);
