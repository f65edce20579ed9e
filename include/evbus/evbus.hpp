// All that a cooperating process needs. Header-only: nothing of evbus is linked.
#pragma once

#include <evbus/anchor.hpp>
#include <evbus/bus.hpp>
#include <evbus/codec.hpp>
#include <evbus/consumer.hpp>
#include <evbus/cursor.hpp>
#include <evbus/error.hpp>
#include <evbus/event.hpp>
#include <evbus/filter.hpp>
#include <evbus/headers.hpp>
#include <evbus/ids.hpp>
#include <evbus/notice.hpp>
#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>
#include <evbus/topic.hpp>
#include <evbus/version.hpp>
#include <evbus/worker.hpp>
