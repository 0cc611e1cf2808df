// An HTTP service that guards a route with `Authorization: Bearer TOKEN`, and answers nginx's
// auth_request at /auth (examples/nginx). Port 0 takes any that is free. SIGTERM ends it.
#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <httplib.h>
#include <keyfob.hpp>
#include <string>
#include <thread>
#include <unistd.h>

static keyfob::ip_address parse(const std::string &address) {
    std::array<std::uint8_t, 4> v4;
    std::array<std::uint8_t, 16> v6;
    if (inet_pton(AF_INET, address.c_str(), v4.data()) == 1) return v4;
    if (inet_pton(AF_INET6, address.c_str(), v6.data()) == 1) return v6;
    return {}; // not known: what has an IP list is refused
}

// Whether a request may go on. If not, the answer says no more than the holder may know.
static bool guard(const keyfob::store &store, const keyfob::requirement &required, const httplib::Request &request,
                  const std::string &address, httplib::Response &response) {
    std::string value = request.get_header_value("Authorization");
    if (request.get_header_value_count("Authorization") > 1) value += ", several"; // MALFORMED: no guess which was meant
    keyfob::request known;
    known.ip = parse(address);
    const keyfob::verification verified = store.verify_authorization(value, required, known);
    response.status = verified.http_status();
    if (verified) {
        response.set_header("X-Key-Id", std::string(verified.key_id()));
        return true;
    }
    const auto challenge = [&](const char *text) { response.set_header("WWW-Authenticate", text); }; // RFC 6750
    if (verified.code() == keyfob::status::no_credentials) challenge("Bearer");
    else if (response.status == 401) challenge("Bearer error=\"invalid_token\"");
    else if (verified.code() == keyfob::status::insufficient_scope) challenge("Bearer error=\"insufficient_scope\"");
    else if (!verified.is_denial()) std::fprintf(stderr, "%s\n", keyfob_status_message(static_cast<keyfob_status>(verified.code())));
    return false;
}

int main(int argc, char **argv) try {
    if (argc != 3) return std::fprintf(stderr, "usage: %s STORE PORT\n", argv[0]), EXIT_FAILURE;
    keyfob::store store = keyfob::value_or_throw(keyfob::store::open(argv[1]));
    keyfob::requirement_spec spec;
    spec.scopes = {"orders:read"};
    const keyfob::requirement reading = keyfob::value_or_throw(keyfob::requirement::make(spec));

    httplib::Server server;
    server.Get("/orders", [&](const httplib::Request &request, httplib::Response &response) {
        if (guard(store, reading, request, request.remote_addr, response)) response.set_content("the orders\n", "text/plain");
    });
    // Asked by nginx, which sets X-Real-IP to its own peer. Who sets it himself learns nothing by it.
    server.Get("/auth", [&](const httplib::Request &request, httplib::Response &response) {
        guard(store, reading, request, request.get_header_value("X-Real-IP"), response);
    });
    const int asked = std::atoi(argv[2]);
    const int port = asked == 0 ? server.bind_to_any_port("127.0.0.1") : server.bind_to_port("127.0.0.1", asked) ? asked : -1;
    if (port < 0) return std::fprintf(stderr, "port %s cannot be had\n", argv[2]), EXIT_FAILURE;
    std::printf("listening on 127.0.0.1:%d\n", port);
    std::fflush(stdout);

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr); // in every thread, so that only sigwait() takes it
    std::thread stopper([&] { int sig; sigwait(&ends, &sig); server.stop(); });
    const bool served = server.listen_after_bind();
    kill(getpid(), SIGTERM); // where it ended by itself
    stopper.join();
    keyfob::value_or_throw(store.close()); // writes when keys were last used
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return EXIT_FAILURE;
}
