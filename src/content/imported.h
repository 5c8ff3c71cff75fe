/*
 * The connector of courses that were imported from files (course_store.h), each for its site alone. What is hidden, not yet or no longer there, or for
 * groups, is given to those who have the permission `view_hidden_content` in the course, by a role of their token, of the table or of the LMS. Which groups
 * a learner is in is known to the LMS alone, so what is for groups is not given to learners.
 */
#pragma once
#include "core/connector.h"

struct lt_connector lt_imported_courses(void);
