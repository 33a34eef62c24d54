/* Needs a function that nobody defines. */
#define RESULT (tokamak_test_function_that_is_nowhere(), &plugin)
void tokamak_test_function_that_is_nowhere(void);
#include "minimal.h"
