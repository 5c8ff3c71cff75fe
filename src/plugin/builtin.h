/* What a process of Lectern itself provides, and the components that it is told of. */
#pragma once
#include "plugin/service.h"

/* Offers `ai` (the manager's actions) and `ai.workflows`; both are only announced: they are called over HTTP. Before lt_services_bind(). */
enum lt_code lt_services_builtin(struct lt_services *s, struct lt_error *err);
/*
 * Declares the component of each *.json in the folder, in the order of their names; at most 64 KiB each. A file that is not right is logged
 * and left out. None when there is no such folder. How many were declared.
 */
size_t lt_services_declare_folder(struct lt_services *s, const char *folder);
