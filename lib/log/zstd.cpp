// The compiled libraries and the tools read compressed segments, whichever of their sources a program uses.
#include <evbus/log/zstd.hpp>
