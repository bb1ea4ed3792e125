/* grad.h - the reverse walk and the optimizers; all of its interface is public (neap.h). */
#ifndef NEAP_GRAD_H
#define NEAP_GRAD_H

#include "ops/ops.h"

#endif
