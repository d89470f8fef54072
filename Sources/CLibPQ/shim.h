// PostgreSQL's own client library; CareStore's driver is the only one that knows it.
#include <libpq-fe.h>
