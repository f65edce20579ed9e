// The two sides of a transfer. Over a pipe the exporter speaks and the importer listens; over a connection the
// importer first says what it wants, so that resuming needs nobody's help, and at the end what it holds.
#pragma once

#include "lib/link/channel.hpp"
#include "lib/link/exporter.hpp"
#include "lib/link/importer.hpp"
#include "lib/link/stream_reader.hpp"

#include <functional>
#include <string>

namespace evbus {
inline namespace v1 {
namespace link {

enum class ending : std::uint8_t {
    whole,   ///< the stream came, or went, to its end
    stopped, ///< somebody asked to stop before that
};

/// What an importer is told while it works.
struct import_progress {
    std::uint64_t bytes = 0;          ///< of the stream so far
    std::uint64_t bytes_expected = 0; ///< 0: not known
};
using import_hook = std::function<void(const import_progress&)>;

/// Takes a stream to its end. What came is durable when this returns or throws, unless the disk refused.
/// Throws what stream_reader and importer throw; cut_short when the bytes end without the stream's end mark.
[[nodiscard]] ending import_stream(byte_source& from, importer& to, const import_hook& progress);

/// Asks for what is missing here, takes it, and says what is held.
[[nodiscard]] ending import_from_peer(fd_channel& peer, importer& to, const import_hook& progress);

/// Serves one importer: `how.from` holds for one that has nothing yet. A refusal is told to the peer and
/// thrown. `counts` is filled in whatever happens. Throws cut_short too when the peer did not say in the end
/// that it holds all.
[[nodiscard]] ending export_to_peer(fd_channel& peer, log::file_system& fs, const std::string& dir, const bus_id& bus,
                                    export_options how, export_counts& counts);

} // namespace link
} // namespace v1
} // namespace evbus
