/* Sending: what all kinds of destinations have in common. */
#include <stdlib.h>

#include "base/clock.h"
#include "events/private.h"
#include "io/http_client.h"
#include "io/loop.h"

enum { ANSWER_MAX = 256 * 1024, RETRY_AFTER_MAX_S = 3600 };

typedef void (*send_fn)(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret);
static const send_fn senders[LT_DESTINATION_KINDS] = {[LT_DESTINATION_XAPI] = lt_xapi_send, [LT_DESTINATION_WEBHOOK] = lt_webhook_send,
                                                        [LT_DESTINATION_REDIS] = lt_bus_send};

void lt_events_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret)
{
    for (size_t i = 0; i < n; i++) {
        ret->fates[i] = LT_EVENT_AGAIN;
        ret->reasons[i] = LT_STR_NULL;
    }
    if (s->to->config)
        senders[s->to->kind](s, rows, n, ret);
    else {
        ret->trouble = true;
        lt_fail(&ret->error, LT_ECONFIG, "the destination's settings cannot be read");
    }
}

/* Seconds alone: receivers that give a date are rare, and their clock is not ours. */
static int64_t retry_after(const struct lt_http_head *head)
{
    int64_t s;
    if (!lt_str_to_int64(lt_http_field(head, "Retry-After", NULL), &s))
        return 0;
    return s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S;
}

enum lt_code lt_events_post(const struct lt_event_sender *s, const struct lt_event_post *post, int *ret_status, struct lt_event_sent *sent,
                            struct lt_error *err)
{
    struct lt_loop *loop = lt_loop_self();
    struct lt_http_reply *reply;
    struct lt_str body;
    struct lt_error rest;
    struct lt_http_call call = {.method = "POST",
                                .url = post->url,
                                .fields = post->fields,
                                .fields_n = post->fields_n,
                                .body = post->body,
                                .tls = s->tls,
                                .connect_ms = LT_EVENTS_SEND_MS,
                                .first_byte_ms = LT_EVENTS_SEND_MS,
                                .deadline_ms = lt_loop_now(loop) + LT_EVENTS_SEND_MS,
                                .max_body = ANSWER_MAX};
    *ret_status = 0;
    if (lt_http_send(loop, &call, &reply, err)) {
        sent->trouble = true;
        return err->code;
    }
    *ret_status = lt_http_reply_head(reply)->status;
    sent->retry_after_s = retry_after(lt_http_reply_head(reply));
    lt_http_reply_read_all(reply, s->arena, &body, &rest); /* so that the connection can be used again; what it says does not matter */
    lt_http_reply_close(reply);
    return LT_OK;
}

/* What will never pass is the event's fault; what may be the receiver's or the operator's is tried again. */
enum lt_event_fate lt_events_judge(int status, struct lt_event_sent *sent)
{
    static const short at_fault[] = {400, 406, 409, 411, 412, 413, 414, 415, 422, 431, 451};
    static const short passing[] = {408, 425, 429, 502, 503, 504};
    if (status >= 200 && status < 300)
        return LT_EVENT_DELIVERED;
    lt_fail(&sent->error, LT_EUPSTREAM_INVALID, "the receiver answered %d", status);
    for (size_t i = 0; i < LT_COUNT(at_fault); i++)
        if (status == at_fault[i])
            return LT_EVENT_REFUSED;
    sent->trouble = true;
    for (size_t i = 0; i < LT_COUNT(passing); i++)
        if (status == passing[i])
            return LT_EVENT_AGAIN;
    return LT_EVENT_UNWANTED;
}

enum lt_code lt_events_test(const struct lt_event_sender *s, struct lt_error *err)
{
    char id[37];
    enum lt_event_fate fate = LT_EVENT_AGAIN;
    struct lt_str reason;
    struct lt_event_sent sent = {.fates = &fate, .reasons = &reason};
    lt_uuid_format(lt_uuid_new(), id);
    const struct lt_event_row row = {
        .at_us = lt_now_ms() * 1000,
        .event_id = lt_str(id),
        .kind = s->to->kind == LT_DESTINATION_XAPI ? LT_STR("workflow.completed") : LT_STR("test"),
        .subject = LT_STR(""),
        .user_id = LT_STR(""),
        .actor = LT_STR("00000000-0000-4000-8000-000000000000"),
        .data = LT_STR("{\"action\":\"test\",\"profile\":\"test\",\"state\":\"completed\"}")};
    lt_events_send(s, &row, 1, &sent);
    if (fate == LT_EVENT_DELIVERED)
        return LT_OK;
    *err = sent.error;
    return lt_error_wrap(err, "destination %.*s", LT_FMT(s->to->name));
}
