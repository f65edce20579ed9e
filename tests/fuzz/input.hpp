// Reading an input as the numbers, choices and stretches of bytes that a target wants, and writing one for
// its seeds. Past its end an input is all zeros, so that every input means something.
#pragma once

#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace fuzz {

class input {
public:
    input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    std::uint8_t byte() { return number<std::uint8_t>(); }
    std::uint64_t word() { return number<std::uint64_t>(); }
    std::uint64_t below(std::uint64_t bound) { return bound <= 256 ? byte() % bound : number<std::uint32_t>() % bound; }
    /// Little-endian, as everything in shared memory.
    template <class N>
    N number() {
        N n = 0;
        const std::span<const std::uint8_t> from = take(sizeof n);
        std::memcpy(&n, from.data(), from.size());
        return n;
    }
    /// `wanted` bytes, or what is left.
    std::span<const std::uint8_t> take(std::size_t wanted) {
        const std::span<const std::uint8_t> taken = rest_.first(std::min(wanted, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    /// A stretch with its length in front.
    std::span<const std::uint8_t> stretch() { return take(byte()); }
    std::span<const std::uint8_t> all() { return take(rest_.size()); }

    /// Puts a stretch at a place that stands in front of it, as much of it as fits behind that place.
    void patch(std::span<std::uint8_t> target) {
        const std::size_t at = number<std::uint16_t>() % target.size();
        const std::span<const std::uint8_t> from = stretch();
        std::copy_n(from.begin(), std::min(from.size(), target.size() - at),
                    target.begin() + static_cast<std::ptrdiff_t>(at));
    }

private:
    std::span<const std::uint8_t> rest_;
};

/// The other direction: `writer().byte(3).word(7).bytes()`.
class writer {
public:
    template <class N>
    writer& number(N n) {
        const std::size_t at = out_.size();
        out_.resize(at + sizeof n);
        std::memcpy(out_.data() + at, &n, sizeof n);
        return *this;
    }
    writer& byte(std::uint64_t b) { return number(static_cast<std::uint8_t>(b)); }
    writer& half(std::uint64_t h) { return number(static_cast<std::uint16_t>(h)); }
    writer& word(std::uint64_t w) { return number(w); }
    writer& append(std::span<const std::uint8_t> more) {
        out_.insert(out_.end(), more.begin(), more.end());
        return *this;
    }
    writer& stretch(std::span<const std::uint8_t> more) { return byte(more.size()).append(more); }
    writer& stretch(std::string_view text) {
        return stretch({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    [[nodiscard]] bytes done() const { return out_; }

private:
    bytes out_;
};

} // namespace fuzz
