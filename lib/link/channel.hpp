// Bytes from and to the other side, whatever it is: a pipe, a file, a socket, or memory in a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace link {

enum class heard : std::uint8_t {
    bytes,   ///< at least one
    end,     ///< the other side has said all
    idle,    ///< nothing in the time given
    stopped, ///< somebody asked this side to stop
};

class byte_source {
public:
    virtual ~byte_source() = default;
    /// Some bytes into `to`, as soon as there are any; waits at most `wait_ms`. Throws evbus::error.
    virtual heard read(std::span<std::byte> to, std::size_t& got, int wait_ms) = 0;
    /// Words for people: "standard input", "127.0.0.1:7000".
    [[nodiscard]] virtual std::string name() const = 0;
};

class byte_sink {
public:
    virtual ~byte_sink() = default;
    /// All of it; false when somebody asked to stop meanwhile: then what did not go out is kept for write_last.
    /// Throws evbus::error: errc::cut_short when the other side went away.
    virtual bool write(std::span<const std::byte> bytes) = 0;
    /// The last bytes, after a stop too: waits for the other side, but not for long.
    virtual void write_last(std::span<const std::byte> bytes) { static_cast<void>(write(bytes)); }
    /// Throws when what was written does not stand where it should.
    virtual void finish() {}
};

/// One or two descriptors. Does not own them, unless told so. One thread.
class fd_channel final : public byte_source, public byte_sink {
public:
    /// `in` or `out` may be -1. `stop_fd` becomes readable when this side shall stop; -1: never.
    fd_channel(int in, int out, int stop_fd, std::string name);
    /// A socket for both directions, which is closed with this object. A peer that neither takes nor
    /// sends a byte for `patience_ms` is given up with errc::cut_short.
    [[nodiscard]] static fd_channel of_socket(int fd, int stop_fd, std::string name, int patience_ms);
    fd_channel(fd_channel&& other) noexcept;
    fd_channel& operator=(fd_channel&&) = delete;
    ~fd_channel() override;

    heard read(std::span<std::byte> to, std::size_t& got, int wait_ms) override;
    bool write(std::span<const std::byte> bytes) override;
    void write_last(std::span<const std::byte> bytes) override;
    void finish() override;
    [[nodiscard]] std::string name() const override { return name_; }

private:
    enum class ready : std::uint8_t { yes, no, stopped };
    [[nodiscard]] ready wait_for(int fd, short events, int wait_ms, bool heed_stop) const;
    [[nodiscard]] bool write_some(std::span<const std::byte> bytes, bool heed_stop, int limit_ms);

    int in_;
    int out_;
    int stop_fd_;
    std::string name_;
    bool own_ = false;
    int patience_ms_ = -1;
    std::size_t piece_;  ///< what one write may carry without blocking
    std::int64_t heard_ms_ = 0;
    std::vector<std::byte> unsent_;
};

} // namespace link
} // namespace v1
} // namespace evbus
