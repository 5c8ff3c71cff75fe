/*
 * Where traces go. Our settings win over OpenTelemetry's variables
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/, …/configuration/sdk-environment-variables/): OTEL_SDK_DISABLED,
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_HEADERS, OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_EXPORTER,
 * OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_SERVICE_NAME.
 */
#include "daemon/daemon.h"

#include <stdlib.h>

#include "base/log.h"
#include "cli/text_file.h"
#include "io/outbound.h"

enum { HEADERS_MAX = 16 * 1024 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool is_variable(const char *name, const char *value)
{
    const char *is = variable(name);
    return is && lt_str_eq_ci(lt_str(is), lt_str(value));
}

/* "…/v1/traces" of a base address; the variable for traces alone is whole already. */
static const char *find_url(const struct lt_settings *s)
{
    const char *whole = s->otlp_endpoint ? NULL : variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    const char *base = s->otlp_endpoint ? s->otlp_endpoint : variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (whole || !base)
        return whole;
    struct lt_str text = lt_str(base);
    if (lt_str_ends(text, LT_STR("/v1/traces")))
        return base;
    while (text.n > 0 && text.p[text.n - 1] == '/')
        text.n--;
    return lt_printf(s->arena, "%.*s/v1/traces", LT_FMT(text)).p;
}

/* "0.25" as millionths. */
static enum lt_code read_ratio(const char *name, const char *text, uint32_t *ret, struct lt_error *err)
{
    struct lt_str fraction = lt_str(text), whole = lt_str_cut(&fraction, '.');
    int64_t value = 0;
    uint32_t millionths = 0;
    bool good = lt_str_to_int64(whole, &value) && value <= 1;
    for (size_t i = 0; i < 6; i++) {
        char c = i < fraction.n ? fraction.p[i] : '0';
        good = good && c >= '0' && c <= '9';
        millionths = millionths * 10 + (uint32_t)(c - '0');
    }
    if (!good || (value == 1 && millionths > 0))
        return lt_fail(err, LT_ECONFIG, "%s: must be a number from 0 to 1, is '%s'", name, text);
    *ret = value == 1 ? 1000000 : millionths;
    return LT_OK;
}

static enum lt_code find_ratio(const struct lt_settings *s, uint32_t *ret, struct lt_error *err)
{
    const char *share = variable("OTEL_TRACES_SAMPLER_ARG");
    *ret = 1000000;
    if (s->otlp_sample_ratio)
        return read_ratio("otlp_sample_ratio", s->otlp_sample_ratio, ret, err);
    if (is_variable("OTEL_TRACES_SAMPLER", "always_off") || is_variable("OTEL_TRACES_SAMPLER", "parentbased_always_off"))
        *ret = 0;
    else if (share && (is_variable("OTEL_TRACES_SAMPLER", "traceidratio") || is_variable("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")))
        return read_ratio("OTEL_TRACES_SAMPLER_ARG", share, ret, err);
    return LT_OK;
}

static enum lt_code find_fields(struct lt_daemon *d, struct lt_error *err)
{
    const struct lt_settings *s = d->settings;
    struct lt_http_field *fields;
    const char *list = variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), *name = "OTEL_EXPORTER_OTLP_HEADERS";
    struct lt_str text = lt_str(list ? list : variable(name));
    if (s->otlp_headers_file) {
        name = "otlp_headers_file";
        if (lt_text_file(s->arena, s->otlp_headers_file, HEADERS_MAX, &text, err))
            return lt_error_wrap(err, "%s", name);
    }
    if (lt_otlp_read_fields(s->arena, text, &fields, &d->otlp.fields_n, err))
        return lt_error_wrap(err, "%s", name);
    d->otlp.fields = fields;
    return LT_OK;
}

enum lt_code lt_daemon_trace(struct lt_daemon *d, struct lt_error *err)
{
    uint32_t millionths;
    const char *url = find_url(d->settings), *service = variable("OTEL_SERVICE_NAME");
    if (!url || is_variable("OTEL_SDK_DISABLED", "true") || is_variable("OTEL_TRACES_EXPORTER", "none"))
        return LT_OK;
    if (lt_outbound_check_url(lt_str(url), err) || find_ratio(d->settings, &millionths, err) || find_fields(d, err)) {
        err->code = LT_ECONFIG;
        return lt_error_wrap(err, "traces");
    }
    d->tracer = lt_tracer_new(millionths);
    d->otlp = (struct lt_otlp_options){.tracer = d->tracer, .url = url, .fields = d->otlp.fields, .fields_n = d->otlp.fields_n, .tls = d->engine.tls,
                                       .service = service ? service : "lectern"};
    lt_manager_set_tracer(d->engine.manager, d->tracer);
    lt_log(LT_LOG_INFO, "otlp.on", LT_I("sample_millionths", millionths));
    return LT_OK;
}
