#include "tools/evpub/load.hpp"

#include <evbus/ring/clock.hpp>

#include <algorithm>

#include <poll.h>
#include <sys/prctl.h>

namespace evpub {

load_payload::load_payload(std::size_t bytes) : text_(bytes, '0'), digits_(std::min<std::size_t>(bytes, 20)) {
    for (std::size_t i = digits_; i < bytes; ++i) text_[i] = static_cast<char>('a' + (i - digits_) % 26);
}

void load_payload::advance() {
    for (std::size_t i = digits_; i-- > 0;) {
        if (text_[i] != '9') {
            ++text_[i];
            return;
        }
        text_[i] = '0';
    }
}

metronome::metronome(std::optional<double> rate, const cli::stop_signal& stop)
    : ns_per_event_(rate ? 1e9 / *rate : 0), start_ns_(evbus::detail::steady_ns()), stop_(stop) {
    // The kernel may wake us 50 us late by default; 1 us costs nothing for one thread.
    if (rate) ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
}

bool metronome::wait(std::uint64_t index) const {
    if (ns_per_event_ == 0) return !stop_.asked();
    const auto due = static_cast<std::int64_t>(static_cast<double>(index) * ns_per_event_);
    while (!stop_.asked()) {
        // Above some 10,000 a second a sleep takes longer than the distance of two events: then those
        // that came due meanwhile follow in one burst, and nobody spins.
        const std::int64_t left = due - (evbus::detail::steady_ns() - start_ns_);
        if (left <= 0) return true;
        const timespec nap{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
        pollfd stop{stop_.fd(), POLLIN, 0};
        ::ppoll(&stop, 1, &nap, nullptr);
    }
    return false;
}

} // namespace evpub
