/* What the gates cost a call: without limits and switches, and with 10,000 limits and 1,000 courses of switches, of which nine count for it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actions/builtin.h"
#include "base/log.h"
#include "core/gates.h"
#include "core/placement.h"

enum { CALLS = 100000, USERS = 256, ROUNDS = 7, COURSES = 1000, LIMITS = 10000 };

static struct lt_manager *manager;
static struct lt_store *store;
static struct lt_arena *arena; /* of all that stays */
static const struct lt_json *input;
static struct lt_str users[USERS], courses[COURSES];

static void need(enum lt_code rc, const struct lt_error *err)
{
    if (rc == LT_OK)
        return;
    fprintf(stderr, "%s\n", err->detail);
    exit(1);
}

static struct lt_str course_name(int i)
{
    return lt_printf(arena, "course-v1:Org+Course%d+2026", i);
}

/* Six for each of 1,000 courses, the rest for single users, and three for everybody. */
static const struct lt_limit_index *limits(void)
{
    static const struct lt_limit everybody[] = {
        {.subject = LT_LIMIT_SITE, .unit = LT_LIMIT_REQUESTS, .window = LT_WINDOW_DAY},
        {.subject = LT_LIMIT_USER, .per_user = true, .unit = LT_LIMIT_REQUESTS, .window = LT_WINDOW_SLIDING, .window_s = 3600},
        {.subject = LT_LIMIT_SITE, .unit = LT_LIMIT_COST, .window = LT_WINDOW_MONTH},
    };
    struct lt_limit *list = LT_NEW_ARRAY(arena, struct lt_limit, LIMITS);
    for (int i = 0; i < LIMITS; i++) {
        struct lt_limit *l = &list[i];
        if (i < (int)LT_COUNT(everybody))
            *l = everybody[i];
        else if (i < 6 * COURSES)
            *l = (struct lt_limit){.subject = LT_LIMIT_COURSE,
                                   .subject_id = course_name(i % COURSES),
                                   .per_user = i / COURSES % 2 == 0,
                                   .unit = (enum lt_limit_unit)(i / COURSES % LT_LIMIT_UNITS),
                                   .window = (enum lt_limit_window)(i / COURSES % LT_WINDOWS),
                                   .window_s = 3600};
        else
            *l = (struct lt_limit){.subject = LT_LIMIT_USER, .subject_id = lt_printf(arena, "user-%d", i), .per_user = true, .window = LT_WINDOW_DAY};
        l->id = i + 1;
        l->amount = LT_LIMIT_AMOUNT_MAX;
    }
    return lt_limit_index_new(arena, list, LIMITS);
}

static void switches(struct lt_site *site)
{
    site->place_switches = LT_NEW_ARRAY(arena, struct lt_place_switch, COURSES);
    for (int i = 0; i < COURSES; i++)
        site->place_switches[i] = (struct lt_place_switch){course_name(i), LT_STR(""), LT_STR("generate_text"), true};
    site->place_switches_n = COURSES;
    qsort(site->place_switches, COURSES, sizeof(struct lt_place_switch), lt_place_switch_compare);
}

static void call(const struct lt_caller *caller, struct lt_arena *a, struct lt_str course)
{
    struct lt_charge charge = {0};
    struct lt_error err;
    struct lt_gate_subject subject = {.manager = manager,
                                      .store = store,
                                      .arena = a,
                                      .caller = caller,
                                      .place = {course, LT_STR("block-v1:Org+Course+2026+type@html+block@1"), LT_STR("course_assist")},
                                      .action_name = LT_STR("summarise_text"),
                                      .input = input,
                                      .charge = &charge};
    if (lt_gates_check(&subject, &err)) {
        fprintf(stderr, "%s: %s\n", lt_code_name(err.code), err.detail);
        exit(1);
    }
    lt_charge_close(&charge, true);
}

/* Of this thread, so that what else runs on the machine counts little. */
static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds for one call of many users in many courses, the best of some rounds. */
static double best(struct lt_site *site)
{
    double ret = 1e9;
    for (int r = 0; r < ROUNDS; r++) {
        double begin = cpu_us();
        for (int i = 0; i < CALLS; i++) {
            struct lt_arena *a = lt_arena_new();
            struct lt_caller caller = {.site = site, .user_id = users[i % USERS], .roles = 1u << LT_ROLE_STUDENT, .is_user = true};
            call(&caller, a, courses[i % COURSES]);
            lt_arena_free(a);
        }
        double us = (cpu_us() - begin) / CALLS;
        ret = us < ret ? us : ret;
    }
    return ret;
}

static void *other_loop(void *site)
{
    best(site);
    lt_arena_thread_end();
    return NULL;
}

/* The same while another loop has calls of the same site. */
static double best_of_two(struct lt_site *site)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, other_loop, site))
        return 0;
    double ret = best(site);
    pthread_join(thread, NULL);
    return ret;
}

int main(void)
{
    struct lt_error err;
    char dir[] = "/tmp/lectern-gates-XXXXXX", command[64];
    struct lt_site site = {.id = 1, .slug = LT_STR("campus"), .enabled = true, .store_content = true, .time_zone = LT_STR("Europe/Berlin")};
    lt_log_set_level(LT_LOG_ERROR);
    arena = lt_arena_new();
    if (!mkdtemp(dir))
        return 1;
    need(lt_actions_register(&err), &err);
    need(lt_placements_register(&err), &err);
    lt_registry_seal();
    need(lt_store_open(&(struct lt_store_options){.data_dir = dir}, &store, &err), &err);
    manager = lt_manager_new(&(struct lt_manager_options){.store = store});
    need(lt_manager_prepare(manager, false, &err), &err);
    need(lt_json_parse(arena, LT_STR("{\"text\":\"Plants make sugar from light. They take water.\"}"), LT_JSON_STRICT, &input, &err), &err);
    for (int i = 0; i < USERS; i++)
        users[i] = lt_printf(arena, "3f0c2c1e-7a55-4f0e-9a55-1d2f6f5f9%03d", i);
    for (int i = 0; i < COURSES; i++)
        courses[i] = course_name(i);
    double without = best(&site);
    switches(&site);
    site.limits = limits();
    double with = best(&site), two = best_of_two(&site);
    printf("{\"courses\": %d, \"limits\": %d, \"without_us\": %.3f, \"with_us\": %.3f, \"two_threads_us\": %.3f, \"counters\": %zu}\n", COURSES, LIMITS, without,
           with, two, lt_ledger_counters(lt_manager_ledger(manager)));
    lt_manager_free(manager);
    lt_store_close(store);
    lt_arena_free(arena);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) != 0;
}
