/* What the files of checks share: doctor.c has those of a site and its daemon, doctor_deploy.c those of the machine and the network around it. */
#pragma once
#include "api/doctor.h"

struct lt_check;
struct lt_check_run {
    const struct lt_doctor *d;
    struct lt_arena *arena;
    const struct lt_check *check;
    struct lt_finding *list;
    size_t n;
};

struct lt_check {
    const char *id, *title;
    void (*look)(struct lt_check_run *r);
    const char *well; /* when nothing was found */
};

void lt_check_say(struct lt_check_run *r, enum lt_finding_level level, const char *advice, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Made only where lt_doctor.deployment says so. */
/* Of a database on a server; part of the check that calls it. */
void lt_check_postgres(struct lt_check_run *r);
extern const struct lt_check lt_deploy_checks[];
extern const size_t lt_deploy_checks_n;
