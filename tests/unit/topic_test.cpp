#include <evbus/topic.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>

using evbus::check_topic;
using evbus::topic;
using evbus::topic_fault;

TEST_CASE("topic: one byte to 127 bytes are fine, 0 and 128 are not") {
    CHECK(check_topic("") == topic_fault::empty);
    CHECK(check_topic("a") == topic_fault::none);
    CHECK(check_topic(std::string(127, 'a')) == topic_fault::none);
    CHECK(check_topic(std::string(128, 'a')) == topic_fault::too_long);
}
