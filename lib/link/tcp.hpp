// The two ways to a peer on another machine: to wait for it, or to go to it. Nothing is encrypted and nobody is
// asked who he is: that is for ssh, or for a network of one trust.
#pragma once

#include "lib/link/channel.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace link {

struct endpoint {
    std::string host;
    std::string port;
};

/// "HOST:PORT", "[::1]:PORT", ":PORT" or "PORT"; without a host 127.0.0.1. Throws errc::bad_option.
[[nodiscard]] endpoint parse_endpoint(std::string_view text);
[[nodiscard]] std::string to_string(const endpoint& e);

/// How long a peer may keep silent before it is given up.
inline constexpr int patience_ms = 30'000;

/// Nothing when it was told to stop meanwhile. Throws evbus::error: not_found (no such host), io.
[[nodiscard]] std::optional<fd_channel> connect_to(const endpoint& peer, int stop_fd);

class listener {
public:
    /// Throws evbus::error: busy (the port is taken), not_found, io.
    explicit listener(const endpoint& at);
    ~listener();

    /// The next peer; nothing when it was told to stop.
    [[nodiscard]] std::optional<fd_channel> accept(int stop_fd);
    /// With the port that the system chose when 0 was asked for.
    [[nodiscard]] std::string name() const;

private:
    struct state;
    std::unique_ptr<state> s_;
};

} // namespace link
} // namespace v1
} // namespace evbus
