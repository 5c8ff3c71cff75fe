/*
 * Courses of Moodle by its web services, asked with the token of one account. Which user asks, Moodle does not know: so everybody is given what
 * everybody in the course may see (moodle_read.h), and only who is in the course is given anything. course_id is Moodle's number or short name of the
 * course, location_id the number of a course module; a unit is an activity, a sequence the section in which it lies.
 */
#pragma once
#include "core/connector.h"

struct lt_connector lt_moodle_course(void);
