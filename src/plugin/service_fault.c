/* Faults: slots of sites, circuits that open after faults in a row, quarantine from outside. */
#include <stdio.h>

#include "base/log.h"
#include "plugin/service_private.h"

struct slot *lt_build_slot(struct lt_build *b, struct lt_str site, bool make)
{
    struct slot **bucket = &b->slots[lt_hash64(LT_HASH64_START, site.p, site.n) % SLOT_BUCKETS], *slot = *bucket;
    while (slot && !lt_str_eq(slot->site, site))
        slot = slot->next;
    if (slot || !make || b->slots_n == LT_SERVICE_INSTANCES_MAX)
        return slot;
    slot = LT_NEW(b->arena, struct slot);
    slot->site = lt_str_copy(b->arena, site);
    slot->next = *bucket;
    *bucket = slot;
    b->slots_n++;
    return slot;
}

static uint64_t backoff(int openings)
{
    uint64_t ms = BACKOFF_FIRST_MS;
    for (int i = 1; i < openings && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

void lt_build_fault(struct lt_build *b, struct slot *slot, const char *why)
{
    snprintf(slot->why, sizeof(slot->why), "%s", why ? why : "");
    slot->why[lt_utf8_whole(slot->why, strlen(slot->why))] = '\0';
    atomic_store(&b->troubled, true);
    if (++slot->faults < FAULTS_MAX)
        return;
    slot->openings++;
    slot->until_ms = lt_mono_ms() + backoff(slot->openings);
    lt_log(LT_LOG_WARN, "service.faulted", LT_S("service", b->entry.name), LT_S("plugin", b->entry.plugin), LT_SS("site", slot->site),
           LT_I("faults", slot->faults), LT_I("backoff_ms", backoff(slot->openings)), LT_S("why", slot->why),
           LT_I("generation", (int64_t)atomic_load(&b->services->generation)));
}

void lt_services_quarantine(struct lt_services *s, const char *plugin, int64_t until_ms, const char *why)
{
    pthread_mutex_lock(&s->lock);
    for (struct lt_build *b = s->builds; b; b = b->next)
        if (!atomic_load(&b->replaced) && strcmp(b->entry.plugin, plugin) == 0 && atomic_load(&b->quarantined_until) != until_ms) {
            pthread_mutex_lock(&b->lock);
            snprintf(b->quarantine_why, sizeof(b->quarantine_why), "%s", why ? why : "");
            pthread_mutex_unlock(&b->lock);
            atomic_store(&b->quarantined_until, until_ms);
            lt_service_touch(s, b->name);
        }
    pthread_mutex_unlock(&s->lock);
}
