#include "peers.hpp"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <unistd.h>

#include <stdexcept>

namespace bench::peers {
namespace {

constexpr int places = 8192; ///< the most that it takes

void check(int fault, const char* what) {
    if (fault != 0) throw std::runtime_error(std::string(what) + ": " + nng_strerror(fault));
}

/// A pair of addresses; what both sides must know before the first event.
struct way {
    std::string name = unused_name();
    shared<std::atomic<bool>> heard{};
    ~way() { ::unlink(path().c_str()); }
    [[nodiscard]] std::string path() const { return "/tmp/" + name; }
    [[nodiscard]] std::string address() const { return "ipc://" + path(); }
};

class writer {
public:
    explicit writer(const way& w) : heard_(&*w.heard) {
        take_turns();
        check(nng_pub0_open(&out_), "open a publisher");
        check(nng_socket_set_int(out_, NNG_OPT_SENDBUF, places), "set its buffer");
        check(nng_listen(out_, w.address().c_str(), nullptr, 0), "listen");
    }
    bool put(std::uint64_t number) {
        while (!heard_->load()) { // nobody says when a subscriber is there
            send(0);
            ::usleep(1000);
        }
        return send(number);
    }

private:
    bool send(std::uint64_t number) {
        event_.set(number);
        return nng_send(out_, &event_, sizeof event_, 0) == 0;
    }
    nng_socket out_{};
    std::atomic<bool>* heard_;
    wire_event event_;
};

class reader {
public:
    explicit reader(const way& w) : heard_(&*w.heard) {
        take_turns();
        check(nng_sub0_open(&in_), "open a subscriber");
        check(nng_socket_set_int(in_, NNG_OPT_RECVBUF, places), "set its buffer");
        check(nng_socket_set_ms(in_, NNG_OPT_RECVTIMEO, 100), "set its time-out");
        check(nng_socket_set(in_, NNG_OPT_SUB_SUBSCRIBE, event_.topic, std::strlen(event_.topic)), "subscribe");
        while (nng_dial(in_, w.address().c_str(), nullptr, 0) != 0) ::usleep(1000); // until the publisher listens
    }
    template <class Look>
    std::size_t take(Look&& look) {
        std::size_t bytes = sizeof event_;
        if (nng_recv(in_, &event_, &bytes, 0) != 0) return 0;
        if (bytes == sizeof event_ && event_.number() == 0) {
            heard_->store(true);
            return 0;
        }
        look(bytes == sizeof event_ ? event_.number() : 0);
        return 1;
    }
    /// 0 when none comes.
    std::uint64_t next() {
        std::uint64_t number = 0;
        for (int tries = 0; tries < 100 && take([&](std::uint64_t n) { number = n; }) == 0; ++tries) {
        }
        return number;
    }

private:
    nng_socket in_{};
    std::atomic<bool>* heard_;
    wire_event event_;
};

using side = player<writer, reader>;

} // namespace

peer nng() {
    return {"NNG " + std::string(nng_version()) + " pub0/sub0 ipc, buffers of 8,192, sleeping, cores free",
            [](std::uint64_t events) {
                const way w;
                flow f{events};
                f.leash = places;
                f.at_writers = f.at_readers = place::anywhere; // its threads need room
                return stream(
                    f, [&](int) { return writer(w); }, [&](int) { return reader(w); });
            },
            [](std::uint64_t trips) {
                const way there, back;
                const auto time = [=](auto&& trip) { return time_trips(trips, trip); };
                return play(
                    trips_in_all(trips), [&] { return side(there, back); }, [&] { return side(back, there); }, time,
                    place::anywhere, place::anywhere);
            },
            200'000,
            5'000,
            true};
}

} // namespace bench::peers
