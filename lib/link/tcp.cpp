#include "lib/link/tcp.hpp"

#include <evbus/error.hpp>

#define BOOST_ERROR_CODE_HEADER_ONLY
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <utility>

#include <poll.h>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// A listening side that a network device between forgot would otherwise wait for ever.
void prepare(tcp::socket& s) {
    error_code ignored;
    s.set_option(tcp::no_delay(true), ignored);
    s.set_option(asio::socket_base::keep_alive(true), ignored);
}

bool is_asked(int stop_fd, int wait_ms) {
    pollfd p{stop_fd, POLLIN, 0};
    return ::poll(&p, 1, wait_ms) > 0;
}

/// Runs until `done`; false when it was told to stop before.
bool run_until(asio::io_context& io, const bool& done, int stop_fd) {
    while (!done) {
        io.run_for(std::chrono::milliseconds(50));
        if (done) break;
        if (is_asked(stop_fd, 0)) return false;
        if (io.stopped()) io.restart();
    }
    return true;
}

[[noreturn]] void fail(const char* operation, const std::string& name, const error_code& e) {
    if (e.category() == boost::system::system_category()) {
        if (e.value() == ECONNREFUSED)
            throw error(errc::not_found, e.value(), {operation, name, "nobody listens there", "start the other side with --listen first"});
        if (e.value() == EADDRINUSE)
            throw error(errc::busy, e.value(), {operation, name, "the port is in use", "choose another one, or 0 for any that is free"});
        evbus::detail::throw_errno(e.value(), operation, name, "check the address");
    }
    throw error(errc::not_found, {operation, name, e.message(), "check the name"});
}

} // namespace

endpoint parse_endpoint(std::string_view text) {
    endpoint out{"127.0.0.1", {}};
    const std::size_t colon = text.rfind(':');
    std::string_view host = colon == std::string_view::npos ? std::string_view{} : text.substr(0, colon);
    out.port = std::string(colon == std::string_view::npos ? text : text.substr(colon + 1));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos) out.port.clear(); // an address of IPv6 without its brackets
    if (!host.empty()) out.host = std::string(host);
    const bool digits = !out.port.empty() && out.port.size() <= 5 && out.port.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || std::stoul(out.port) > 65'535)
        throw error(errc::bad_option, {"", "'" + std::string(text) + "'", "is no address", "write HOST:PORT, [IPv6]:PORT or PORT"});
    return out;
}

std::string to_string(const endpoint& e) {
    return (e.host.find(':') == std::string::npos ? e.host : "[" + e.host + "]") + ":" + e.port;
}

std::optional<fd_channel> connect_to(const endpoint& peer, int stop_fd) {
    const std::string name = to_string(peer);
    asio::io_context io;
    tcp::resolver names(io);
    tcp::socket socket(io);
    error_code fault;
    bool done = false;
    const auto connected = [&](const error_code& e, const tcp::endpoint&) {
        fault = e;
        done = true;
    };
    names.async_resolve(peer.host, peer.port, [&](const error_code& e, const tcp::resolver::results_type& all) {
        if (!e) return asio::async_connect(socket, all, connected);
        fault = e;
        done = true;
    });
    if (!run_until(io, done, stop_fd)) return std::nullopt;
    if (fault) fail("connect", name, fault);
    prepare(socket);
    return fd_channel::of_socket(socket.release(), stop_fd, name, patience_ms);
}

struct listener::state {
    asio::io_context io;
    tcp::acceptor acceptor{io};
    std::string name;
};

listener::listener(const endpoint& at) : s_(std::make_unique<state>()) {
    error_code fault;
    tcp::resolver names(s_->io);
    const auto all = names.resolve(at.host, at.port, tcp::resolver::passive, fault);
    if (fault || all.empty()) fail("listen", to_string(at), fault);
    const tcp::endpoint where = all.begin()->endpoint();
    s_->acceptor.open(where.protocol(), fault);
    if (!fault) s_->acceptor.set_option(tcp::acceptor::reuse_address(true), fault);
    if (!fault) s_->acceptor.bind(where, fault);
    if (!fault) s_->acceptor.listen(asio::socket_base::max_listen_connections, fault);
    if (fault) fail("listen", to_string(at), fault);
    s_->acceptor.non_blocking(true);
    s_->name = to_string(endpoint{at.host, std::to_string(s_->acceptor.local_endpoint().port())});
}

listener::~listener() = default;

std::string listener::name() const { return s_->name; }

std::optional<fd_channel> listener::accept(int stop_fd) {
    while (true) {
        pollfd all[2] = {{s_->acceptor.native_handle(), POLLIN, 0}, {stop_fd, POLLIN, 0}};
        if (::poll(all, 2, -1) < 0 && errno != EINTR) evbus::detail::throw_errno(errno, "listen", s_->name);
        if (all[1].revents != 0) return std::nullopt;
        error_code fault;
        tcp::endpoint peer;
        tcp::socket socket = s_->acceptor.accept(peer, fault);
        if (fault == asio::error::would_block || fault == asio::error::connection_aborted || fault == asio::error::interrupted) continue;
        if (fault) fail("listen", s_->name, fault);
        prepare(socket);
        const std::string name = to_string(endpoint{peer.address().to_string(), std::to_string(peer.port())});
        return fd_channel::of_socket(socket.release(), stop_fd, name, patience_ms);
    }
}

} // namespace link
} // namespace v1
} // namespace evbus
