/* What systemd, or another parent that keeps to its protocols, has for us and hears from us. Main thread before there are others, but for telling. */
#pragma once
#include "cli/settings.h"

/*
 * The listening socket that was handed over (LISTEN_PID, LISTEN_FDS; sd_listen_fds(3)), taken out of the environment. *ret = 0 when there is none; else
 * settings' host and port become the socket's. It must be one, listen, and be TCP: LT_ECONFIG. The socket is open until the process ends.
 */
enum lt_code lt_supervisor_socket(struct lt_settings *settings, int *ret, struct lt_error *err);
/* Sends a line or several (sd_notify(3)) to NOTIFY_SOCKET; nothing when there is none. Any thread; does not wait. */
void lt_supervisor_tell(const char *lines);
/* RELOADING=1 with the time that systemd wants with it. */
void lt_supervisor_tell_reloading(void);
