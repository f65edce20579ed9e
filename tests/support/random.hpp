// Random numbers for tests that try many cases. The seed is new in each run and printed when a
// check fails; EVBUS_SEED=N runs the same cases again.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace evbus_test {

class random_source {
public:
    random_source() : random_source(choose()) {}
    /// The same numbers in every run.
    explicit random_source(std::uint64_t seed) : seed_(seed), engine_(seed_) {}

    [[nodiscard]] std::uint64_t seed() const { return seed_; }
    std::uint64_t word() { return engine_(); }
    /// A number in 0 .. bound-1.
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    std::vector<std::byte> bytes(std::size_t size) {
        std::vector<std::byte> out(size);
        for (std::byte& b : out) b = static_cast<std::byte>(below(256));
        return out;
    }

private:
    static std::uint64_t choose() {
        if (const char* given = std::getenv("EVBUS_SEED")) return std::strtoull(given, nullptr, 10);
        return std::random_device{}();
    }

    std::uint64_t seed_;
    std::mt19937_64 engine_;
};

} // namespace evbus_test

/// Names the seed of `source` with every check that fails in the rest of the scope.
#define SHOW_SEED(source) INFO("EVBUS_SEED=", (source).seed())
