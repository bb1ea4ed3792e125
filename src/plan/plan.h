/* plan.h - a graph becomes instructions, and these run: what a session needs of plan/. */
#ifndef NEAP_PLAN_H
#define NEAP_PLAN_H

#include "plan/run.h"

#endif
