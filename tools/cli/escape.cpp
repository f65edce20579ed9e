#include "tools/cli/escape.hpp"
