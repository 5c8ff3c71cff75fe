/* The names and texts of the statuses. */
#include "plugin/service.h"

static const struct {
    const char *name, *text;
} statuses[] = {
#define X(symbol, name, text) {name, text},
    LT_SERVICE_STATUSES(X)
#undef X
};

const char *lt_service_status_name(enum lt_service_status status)
{
    return (unsigned)status < LT_SERVICE_STATUS_COUNT ? statuses[status].name : "unknown";
}

const char *lt_service_status_text(enum lt_service_status status)
{
    return (unsigned)status < LT_SERVICE_STATUS_COUNT ? statuses[status].text : "unknown";
}
