/*
 * What plugins have done wrong, by the SHA-256 of their file: a crash, a hang, a refusal to come up. Kept as a small file for each in the data
 * directory, so that a restart does not forget it. A new build has another hash and begins anew.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum {
    LT_QUARANTINE_FIRST_S = 5,       /* after the first fault; doubled by each further one */
    LT_QUARANTINE_LONGEST_S = 86400, /* and a fault that is older than this is forgotten */
};

struct lt_quarantine {
    int64_t faults;
    int64_t until;           /* ms since 1970: not started before */
    struct lt_str reason;
};

/* 64 hexadecimal digits. Blocking. LT_EIO with the path. */
enum lt_code lt_file_hash(const char *path, char ret[65], struct lt_error *err);
/* faults == 0 when there is nothing (that can be read). In the arena. Blocking. */
struct lt_quarantine lt_quarantine_read(struct lt_arena *arena, const char *dir, const char *hash, int64_t now);
/* One fault more. Blocking. */
enum lt_code lt_quarantine_add(const char *dir, const char *hash, struct lt_str id, struct lt_str reason, int64_t now, struct lt_quarantine *ret,
                               struct lt_error *err);
/* How long it is left alone after so many faults: seconds. */
int64_t lt_quarantine_pause_s(int64_t faults);
/* Removes what is forgotten. Blocking. */
void lt_quarantine_sweep(const char *dir, int64_t now);
