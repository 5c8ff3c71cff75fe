/* Wiring. */
#include "cli/engine.h"

#include "actions/builtin.h"
#include "core/placement.h"
#include "io/tls.h"
#include "providers/builtin.h"

enum lt_code lt_engine_register(struct lt_error *err)
{
    if (lt_placements_register(err) || lt_actions_register(err) || lt_providers_register(err))
        return err->code;
    lt_registry_seal();
    return LT_OK;
}

enum lt_code lt_engine_open_store(const struct lt_settings *s, bool read_only, struct lt_store **ret, struct lt_error *err)
{
    struct lt_store_options options = {.data_dir = s->data, .url = s->database, .synchronous = s->sqlite_synchronous, .read_only = read_only};
    return lt_store_open(&options, ret, err);
}

enum lt_code lt_engine_open(const struct lt_settings *s, bool recover, struct lt_engine *ret, struct lt_error *err)
{
    *ret = (struct lt_engine){0};
    if (lt_engine_open_store(s, false, &ret->store, err))
        return err->code;
    enum lt_code rc = lt_tls_client_new(s->tls_ca, &ret->tls, err);
    if (!rc) {
        ret->manager = lt_manager_new(&(struct lt_manager_options){.store = ret->store, .tls = ret->tls});
        rc = lt_manager_prepare(ret->manager, recover, err);
    }
    if (rc)
        lt_engine_close(ret);
    return rc;
}

void lt_engine_close(struct lt_engine *e)
{
    lt_manager_free(e->manager);
    lt_tls_free(e->tls);
    if (e->store)
        lt_store_close(e->store);
    *e = (struct lt_engine){0};
}
