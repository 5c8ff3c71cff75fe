/* Limits and prices of the store into the snapshot. */
#include "core/limit_load.h"

#include "base/log.h"
#include "core/limit.h"
#include "core/price.h"

enum { ROWS_MAX = 200000 };

/* One that cannot be understood was written by a newer program: it is left out, and the operator must know. */
static bool read_limit(const struct lt_rows *r, size_t i, struct lt_limit *ret)
{
    int subject = lt_limit_subject_parse(lt_rows_str(r, i, 2)), unit = lt_limit_unit_parse(lt_rows_str(r, i, 6));
    int window = lt_limit_window_parse(lt_rows_str(r, i, 8)), spent = lt_limit_spent_parse(lt_rows_str(r, i, 10));
    if (subject < 0 || unit < 0 || window < 0 || spent < 0) {
        lt_log(LT_LOG_WARN, "config.unknown_limit", LT_I("limit", lt_rows_int(r, i, 0)));
        return false;
    }
    *ret = (struct lt_limit){.id = lt_rows_int(r, i, 0),
                             .subject = (enum lt_limit_subject)subject,
                             .subject_id = lt_rows_str(r, i, 3),
                             .per_user = lt_rows_int(r, i, 4) != 0,
                             .action = lt_rows_str(r, i, 5),
                             .unit = (enum lt_limit_unit)unit,
                             .amount = lt_rows_int(r, i, 7),
                             .window = (enum lt_limit_window)window,
                             .window_s = lt_rows_int(r, i, 9),
                             .when_spent = (enum lt_limit_spent)spent};
    return true;
}

static enum lt_code load_limits(struct lt_store *store, struct lt_config *config, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, config->arena,
                       "SELECT id, site_id, subject, subject_id, per_user, action, unit, amount, period, period_s, when_spent"
                       " FROM usage_limit ORDER BY site_id, id",
                       NULL, 0, ROWS_MAX, &r, err))
        return err->code;
    struct lt_limit *list = LT_NEW_ARRAY(config->arena, struct lt_limit, r.rows);
    for (size_t i = 0, next; i < r.rows; i = next) {
        size_t n = 0;
        for (next = i; next < r.rows && lt_rows_int(&r, next, 1) == lt_rows_int(&r, i, 1); next++)
            n += read_limit(&r, next, &list[i + n]);
        for (size_t k = 0; k < config->sites_n; k++)
            if (config->sites[k].id == lt_rows_int(&r, i, 1))
                config->sites[k].limits = lt_limit_index_new(config->arena, &list[i], n);
    }
    return LT_OK;
}

static enum lt_code load_prices(struct lt_store *store, struct lt_config *config, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, config->arena,
                       "SELECT id, site_id, provider, model, input, cached_input, output, request, valid_from, valid_to, image"
                       " FROM model_price ORDER BY site_id, valid_from DESC, id DESC",
                       NULL, 0, ROWS_MAX, &r, err))
        return err->code;
    struct lt_price *list = LT_NEW_ARRAY(config->arena, struct lt_price, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        list[i] = (struct lt_price){.id = lt_rows_int(&r, i, 0),
                                    .provider = lt_rows_str(&r, i, 2),
                                    .model = lt_rows_str(&r, i, 3),
                                    .input = lt_rows_int(&r, i, 4),
                                    .cached_input = lt_rows_int(&r, i, 5),
                                    .output = lt_rows_int(&r, i, 6),
                                    .request = lt_rows_int(&r, i, 7),
                                    .valid_from = lt_rows_int(&r, i, 8),
                                    .valid_to = lt_rows_int(&r, i, 9),
                                    .image = lt_rows_int(&r, i, 10)};
    for (size_t i = 0; i < r.rows; i++)
        for (size_t k = 0; k < config->sites_n; k++)
            if (config->sites[k].id == lt_rows_int(&r, i, 1)) {
                struct lt_site *site = &config->sites[k];
                site->prices = site->prices ? site->prices : &list[i];
                site->prices_n++;
            }
    return LT_OK;
}

enum lt_code lt_limits_load(struct lt_store *store, struct lt_config *config, struct lt_error *err)
{
    enum lt_code rc = load_limits(store, config, err);
    return rc ? rc : load_prices(store, config, err);
}
