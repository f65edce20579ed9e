// A bus with its log as one of the stores: publisher and reader here, the recorder in a process of its own.
#pragma once

#include "bench/peers/stores.hpp"

namespace bench::stores {

[[nodiscard]] store_kind evbus_itself();

} // namespace bench::stores
