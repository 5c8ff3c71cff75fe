/* What a component pays to ask for a service in its own process: absent, acquired and given back, probed; among 200 services. */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "plugin/service.h"

enum { CALLS = 1000000, ROUNDS = 5, OTHERS = 200 };

static struct lt_services *services;
static struct lt_component *component;
static struct lt_site site = {.id = 1, .slug = {"campus", 6}, .enabled = true};
static struct lt_caller caller = {.site = &site, .user_id = {"3f0c2c1e-7a55-4f0e-9a55-1d2f6f5f9b11", 36}, .roles = 1};
static struct lt_place place = {{"course-v1:Org+Course+2026", 25}, {"block-v1:Org+Course+2026+type@openassessment+block@1", 52}, {"editor", 6}};
static long wrong;

static void absent(void)
{
    struct lt_lease lease;
    wrong += lt_service_acquire(component, LT_STR("nowhere"), &caller, &place, &lease) != LT_SERVICE_ABSENT;
}

static void acquired(void)
{
    struct lt_lease lease;
    wrong += lt_service_acquire(component, LT_STR("ai"), &caller, &place, &lease) != LT_SERVICE_OK;
    lt_service_release(&lease);
}

static void probed(void)
{
    wrong += lt_service_probe(component, LT_STR("ai"), &caller, &place) != LT_SERVICE_OK;
}

/* Nanoseconds for one call, the best of some rounds. */
static double best(void (*fn)(void))
{
    double ret = 1e9;
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t begin = lt_mono_us();
        for (int i = 0; i < CALLS; i++)
            fn();
        double ns = (double)(lt_mono_us() - begin) * 1000 / CALLS;
        ret = ns < ret ? ns : ret;
    }
    return ret;
}

static void offer(const char *name, const char *plugin)
{
    struct lt_error err;
    struct lt_service_offer o = {.name = name, .plugin = plugin, .major = 1, .rank = 100, .state = LT_SERVICE_ACTIVE};
    if (lt_services_offer(services, &o, &err)) {
        fprintf(stderr, "%s\n", err.detail);
        exit(1);
    }
}

int main(void)
{
    static const struct lt_requirement requires[] = {{"ai", LT_STRENGTH_WANT, 1, 0, 1, false}, {"nowhere", LT_STRENGTH_WANT, 1, 0, 1, false}};
    struct lt_component_manifest manifest = {.name = "ora", .requires = requires, .requires_n = LT_COUNT(requires)};
    char name[32];
    lt_log_set_level(LT_LOG_ERROR);
    lt_registry_seal();
    services = lt_services_new();
    for (int i = 0; i < OTHERS; i++) {
        snprintf(name, sizeof(name), "service%d", i);
        offer(name, "other");
    }
    offer("ai", "a");
    offer("ai", "b");
    lt_services_declare(services, &manifest, NULL);
    lt_services_bind(services);
    component = lt_services_component(services, LT_STR("ora"));
    double ns[] = {best(absent), best(acquired), best(probed)};
    printf("absent               %6.1f ns (at most 100)\n", ns[0]);
    printf("acquired, given back %6.1f ns (at most 300)\n", ns[1]);
    printf("probed               %6.1f ns\n", ns[2]);
    lt_services_free(services);
    return wrong || ns[0] > 100 || ns[1] > 300;
}
