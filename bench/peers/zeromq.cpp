#include "peers.hpp"

#include <unistd.h>
#include <zmq.h>

#include <stdexcept>

namespace bench::peers {
namespace {

constexpr int places = 16'384;

void check(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + zmq_strerror(zmq_errno()));
}

/// A socket with a context of its own. Left open: the process ends without asking, as all of the benchmark's do.
class end {
public:
    end(int kind, int highwater) : socket_((take_turns(), zmq_socket(zmq_ctx_new(), kind))) { set(highwater, places); }
    void set(int option, int value) {
        check(zmq_setsockopt(socket_, option, &value, sizeof value), "set a socket option");
    }
    [[nodiscard]] void* socket() const noexcept { return socket_; }

private:
    void* socket_;
};

std::string address(const std::string& name) { return "ipc:///tmp/" + name; }

class writer {
public:
    explicit writer(const std::string& name) : out_(ZMQ_XPUB, ZMQ_SNDHWM) {
        out_.set(ZMQ_XPUB_NODROP, 1);
        check(zmq_bind(out_.socket(), address(name).c_str()), "bind");
    }
    bool put(std::uint64_t number) {
        if (!subscribed_) wait_for_subscriber();
        event_.set(number);
        return zmq_send(out_.socket(), &event_, sizeof event_, 0) == sizeof event_;
    }

private:
    void wait_for_subscriber() {
        char message[32];
        check(zmq_recv(out_.socket(), message, sizeof message, 0), "wait for the subscriber");
        subscribed_ = true;
    }
    end out_;
    wire_event event_;
    bool subscribed_ = false;
};

class reader {
public:
    explicit reader(const std::string& name) : in_(ZMQ_SUB, ZMQ_RCVHWM) {
        in_.set(ZMQ_RCVTIMEO, 100);
        check(zmq_setsockopt(in_.socket(), ZMQ_SUBSCRIBE, event_.topic, std::strlen(event_.topic)), "subscribe");
        check(zmq_connect(in_.socket(), address(name).c_str()), "connect");
    }
    template <class Look>
    std::size_t take(Look&& look) {
        const int got = zmq_recv(in_.socket(), &event_, sizeof event_, 0);
        if (got < 0) return 0;
        look(got == sizeof event_ ? event_.number() : 0);
        return 1;
    }
    std::uint64_t next() {
        std::uint64_t number = 0;
        while (take([&](std::uint64_t n) { number = n; }) == 0) {
        }
        return number;
    }

private:
    end in_;
    wire_event event_;
};

using side = player<writer, reader>;

/// The paths that the sockets leave behind go with it.
struct paths {
    ~paths() {
        for (const std::string& each : {there, back}) ::unlink(("/tmp/" + each).c_str());
    }
    std::string there = unused_name(), back = unused_name();
};

std::string version() {
    int major = 0, minor = 0, patch = 0;
    zmq_version(&major, &minor, &patch);
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

} // namespace

peer zeromq() {
    return {"ZeroMQ " + version() + " XPUB/SUB ipc, NODROP, HWM 16,384, sleeping, cores free",
            [](std::uint64_t events) {
                const paths p;
                flow f{events};
                f.at_writers = f.at_readers = place::anywhere; // its I/O threads need room
                return stream(
                    f, [&](int) { return writer(p.there); }, [&](int) { return reader(p.there); });
            },
            [](std::uint64_t trips) {
                const paths p;
                const auto time = [=](auto&& trip) { return time_trips(trips, trip); };
                return play(
                    trips_in_all(trips), [&] { return side(p.there, p.back); }, [&] { return side(p.back, p.there); },
                    time, place::anywhere, place::anywhere);
            },
            500'000, 5'000};
}

} // namespace bench::peers
