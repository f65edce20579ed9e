// Typed payloads: how a C++ type becomes bytes and comes back.
#pragma once

#include <evbus/event.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace evbus {
inline namespace v1 {

/// Specialise it for types that SBE, FlatBuffers or Protobuf encode. Needed members:
///   static std::size_t size(const T&);                              bytes that encode() will write
///   static void encode(const T&, std::span<std::byte> to) noexcept; `to` has exactly size() bytes
///   static std::optional<T> decode(std::span<const std::byte>) noexcept;
template <class T>
struct codec;

namespace detail {

template <class T>
concept has_codec = requires(const T& value, std::span<std::byte> to, std::span<const std::byte> from) {
    { codec<T>::size(value) } -> std::convertible_to<std::size_t>;
    codec<T>::encode(value, to);
    { codec<T>::decode(from) } -> std::convertible_to<std::optional<T>>;
};

template <class T>
concept is_bytes = std::convertible_to<const T&, std::span<const std::byte>> || std::convertible_to<const T&, std::string_view>;

/// Types that travel as they lie in memory.
template <class T>
concept plain_payload = std::is_trivially_copyable_v<T> && std::is_class_v<T> && !has_codec<T> && !is_bytes<T>;

} // namespace detail

/// The payload as a T; nothing when it has another size or does not decode.
template <class T>
    requires detail::plain_payload<T> || detail::has_codec<T>
[[nodiscard]] std::optional<T> decode(const event& e) noexcept {
    if constexpr (detail::has_codec<T>) {
        return codec<T>::decode(e.payload());
    } else {
        if (e.payload().size() != sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, e.payload().data(), sizeof(T));
        return value;
    }
}

} // namespace v1
} // namespace evbus
