// An HTTP service that guards a route with `Authorization: Bearer TOKEN`, and answers nginx's
// auth_request at /auth (examples/nginx). Port 0 takes any that is free. SIGTERM ends it.
#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <httplib.h>
#include <keyfob.h>
#include <string>
#include <thread>
#include <unistd.h>

// Ends the program where a status is not KEYFOB_OK, and says why.
static void must(keyfob_status status, keyfob_error *err) {
    if (status == KEYFOB_OK) return;
    std::fprintf(stderr, "%s\n", keyfob_error_message(err, nullptr));
    keyfob_error_free(err);
    std::exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: %s STORE PORT\n", argv[0]), EXIT_FAILURE;
    keyfob_error *err = nullptr;
    keyfob_store *store = nullptr;
    must(keyfob_store_open(argv[1], KEYFOB_NUL, nullptr, &store, &err), err);

    const keyfob_text scope = {"orders:read", KEYFOB_NUL};
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = &scope;
    spec.scopes_count = 1;
    keyfob_requirement *orders_read = nullptr;
    must(keyfob_requirement_new(&spec, &orders_read, &err), err);

    // Whether a request may go on. If not, the answer says no more than the holder may know.
    const auto guard = [&](const httplib::Request &request, const std::string &address, httplib::Response &response) {
        std::string value = request.get_header_value("Authorization");
        if (request.get_header_value_count("Authorization") > 1) value += ", several"; // MALFORMED: no guess which was meant
        keyfob_request known = KEYFOB_REQUEST_INIT;
        if (inet_pton(AF_INET, address.c_str(), known.ip) == 1) known.ip_size = 4;
        else if (inet_pton(AF_INET6, address.c_str(), known.ip) == 1) known.ip_size = 16;
        keyfob_verification verified = KEYFOB_VERIFICATION_INIT;
        const keyfob_status status = keyfob_store_verify_authorization(
            store, value.data(), value.size(), orders_read, &known, &verified);
        response.status = keyfob_status_http_status(status);
        if (status == KEYFOB_OK) return response.set_header("X-Key-Id", verified.key_id), true;
        if (response.status >= 500) std::fprintf(stderr, "%s\n", keyfob_status_message(status));
        if (status == KEYFOB_NO_CREDENTIALS) response.set_header("WWW-Authenticate", "Bearer");
        else if (response.status == 401) response.set_header("WWW-Authenticate", "Bearer error=\"invalid_token\"");
        else if (status == KEYFOB_INSUFFICIENT_SCOPE) response.set_header("WWW-Authenticate", "Bearer error=\"insufficient_scope\"");
        return false;
    };

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr); // in every thread, so that only sigwait() takes it
    httplib::Server server;
    server.Get("/orders", [&](const httplib::Request &request, httplib::Response &response) {
        if (guard(request, request.remote_addr, response)) response.set_content("the orders\n", "text/plain");
    });
    // Asked by nginx, which sets X-Real-IP to its own peer. Who sets it himself learns nothing by it.
    server.Get("/auth", [&](const httplib::Request &request, httplib::Response &response) {
        guard(request, request.get_header_value("X-Real-IP"), response);
    });
    const int asked = std::atoi(argv[2]);
    const int port = asked == 0 ? server.bind_to_any_port("127.0.0.1") : server.bind_to_port("127.0.0.1", asked) ? asked : -1;
    if (port < 0) return std::fprintf(stderr, "port %s cannot be had\n", argv[2]), EXIT_FAILURE;
    std::printf("listening on 127.0.0.1:%d\n", port);
    std::fflush(stdout);
    std::thread stopper([&] { int sig; sigwait(&ends, &sig); server.stop(); });
    const bool served = server.listen_after_bind();
    kill(getpid(), SIGTERM); // where it ended by itself
    stopper.join();
    keyfob_requirement_free(orders_read);
    must(keyfob_store_close(store, &err), err); // writes when keys were last used
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
