/* Webhooks: one POST for an event, signed. */
#include "events/webhook.h"

#include "base/clock.h"
#include "base/secret.h"
#include "core/register.h"
#include "events/private.h"
#include "io/http1.h"

enum { BODY_MAX = 8 << 20 };

struct lt_str lt_webhook_sign(struct lt_arena *arena, struct lt_str secret, struct lt_str id, int64_t timestamp, struct lt_str body)
{
    struct lt_str key;
    uint8_t mac[32];
    const struct lt_str prefix = LT_STR("whsec_");
    if (!lt_str_starts(secret, prefix) || !lt_base64_decode(arena, (struct lt_str){secret.p + prefix.n, secret.n - prefix.n}, &key) || key.n == 0)
        return LT_STR("");
    struct lt_str signed_text = lt_printf(arena, "%.*s.%lld.%.*s", LT_FMT(id), (long long)timestamp, LT_FMT(body));
    lt_hmac_sha256(key.p, key.n, signed_text.p, signed_text.n, mac);
    lt_wipe((void *)(uintptr_t)key.p, key.n);
    return lt_printf(arena, "v1,%.*s", LT_FMT(lt_base64(arena, mac, sizeof(mac))));
}

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

/* What was asked and answered, where the site keeps that and the destination is to have it. */
static void put_content(struct lt_jw *w, const struct lt_event_sender *s, const struct lt_event_row *row)
{
    struct lt_uuid id;
    struct lt_register_call call;
    struct lt_str attempts, content;
    struct lt_error err;
    if (!s->site->store_content || !lt_str_starts(row->kind, LT_STR("call.")) || !lt_uuid_parse(row->subject, &id) ||
        lt_register_show(s->store, s->arena, s->site->id, id, &call, &attempts, &content, &err) || content.n == 0)
        return;
    lt_jw_key(w, "content");
    lt_jw_raw(w, content);
}

static void write_data(struct lt_jw *w, const struct lt_event_sender *s, const struct lt_event_row *row)
{
    const struct lt_json *data = NULL;
    lt_json_parse(s->arena, row->data, LT_JSON_STRICT, &data, NULL);
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(data); i++) {
        lt_jw_key_str(w, lt_json_key_at(data, i));
        lt_jw_json(w, lt_json_at(data, i));
    }
    lt_jw_kstr(w, "site", s->site->slug);
    lt_jw_kstr_nonempty(w, "actor", row->actor);
    if (lt_json_bool_or(lt_json_get(s->to->config, "include_user"), false))
        lt_jw_kstr(w, "user_id", row->user_id);
    if (lt_json_bool_or(lt_json_get(s->to->config, "include_content"), false))
        put_content(w, s, row);
    lt_jw_end(w);
}

/* {"type", "timestamp", "data"}, as the specification asks. */
static struct lt_str body_of(const struct lt_event_sender *s, const struct lt_event_row *row)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, BODY_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "type", row->kind);
    lt_jw_ktime(&w, "timestamp", row->at_us / 1000);
    lt_jw_key(&w, "data");
    write_data(&w, s, row);
    lt_jw_end(&w);
    struct lt_str text = out.failed ? LT_STR_NULL : lt_str_copy(s->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static enum lt_event_fate send_one(const struct lt_event_sender *s, const struct lt_event_row *row, struct lt_event_sent *ret)
{
    int status;
    int64_t now = lt_now_ms() / 1000;
    struct lt_str body = body_of(s, row);
    if (!body.p) {
        lt_fail(&ret->error, LT_ETOO_LARGE, "the body is larger than %d bytes", BODY_MAX);
        return LT_EVENT_REFUSED;
    }
    struct lt_str signature = lt_webhook_sign(s->arena, member(s->to->config, "secret"), row->event_id, now, body);
    struct lt_str old = lt_webhook_sign(s->arena, member(s->to->config, "old_secret"), row->event_id, now, body);
    if (signature.n == 0) { /* it came without its master key */
        ret->trouble = true;
        lt_fail(&ret->error, LT_ECONFIG, "the destination has no secret to sign with");
        return LT_EVENT_AGAIN;
    }
    const struct lt_http_field fields[] = {
        {LT_STR("Content-Type"), LT_STR("application/json")},
        {LT_STR("webhook-id"), row->event_id},
        {LT_STR("webhook-timestamp"), lt_printf(s->arena, "%lld", (long long)now)},
        {LT_STR("webhook-signature"), lt_printf(s->arena, "%.*s%s%.*s", LT_FMT(signature), old.n > 0 ? " " : "", LT_FMT(old))}};
    const struct lt_event_post post = {.url = s->to->url, .body = body, .fields = fields, .fields_n = LT_COUNT(fields)};
    if (lt_events_post(s, &post, &status, ret, &ret->error))
        return LT_EVENT_AGAIN;
    return lt_events_judge(status, ret);
}

void lt_webhook_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret)
{
    lt_events_send_in_lanes(s, rows, n, send_one, ret);
}
