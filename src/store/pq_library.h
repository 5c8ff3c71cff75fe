/* libpq, loaded when a PostgreSQL is named: with it come Kerberos, LDAP and GnuTLS, two MiB that a daemon on SQLite has no use for. Private to store/. */
#pragma once
#include <libpq-fe.h>

#include "base/dso.h"

#define LT_PQ_FUNCTIONS(X) \
    X(PQbackendPID) X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) X(PQconnectStartParams) \
    X(PQconnectdbParams) X(PQconnectionNeedsPassword) X(PQconninfoFree) X(PQconninfoParse) X(PQconsumeInput) \
    X(PQenterPipelineMode) X(PQerrorMessage) X(PQfinish) X(PQflush) X(PQfreemem) X(PQftype) X(PQgetResult) \
    X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQisBusy) X(PQnfields) X(PQnotifies) X(PQntuples) \
    X(PQparameterStatus) X(PQpipelineSync) X(PQresultErrorField) X(PQresultStatus) X(PQsendPrepare) X(PQsendQuery) \
    X(PQsendQueryParams) X(PQsendQueryPrepared) X(PQserverVersion) X(PQsetErrorVerbosity) X(PQsetNoticeReceiver) \
    X(PQsetnonblocking) X(PQsocket) X(PQstatus) X(PQunescapeBytea)

struct lt_pq {
    LT_DSO_MEMBERS(LT_PQ_FUNCTIONS)
};

/* Its functions, which stay until the process ends; NULL before lt_pq_load(), which lt_pg_server_new() calls before all else. */
extern struct lt_pq lt_pq;

/* LT_ECONFIG when libpq is not there. Any thread; reads files the first time. */
enum lt_code lt_pq_load(struct lt_error *err);
