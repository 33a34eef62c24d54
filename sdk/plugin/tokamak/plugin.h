/* The plugin ABI of Tokamak: everything a plugin and its host say to each other, in plain C.
 * Start with tk_plugin (what a plugin exports) and the function table of your kind; the meaning of graph,
 * step and buffer stands in framework/CONTRACTS.md and the manual in sdk/plugin/README.md.
 *
 * Rules that hold everywhere
 *  - Version 0.x may change at every minor version; both sides compare MAJOR and, while MAJOR is 0, MINOR.
 *  - Structs that start with `size` may grow at the end; the producer fills sizeof, the reader looks no further.
 *  - Nothing throws across this border, no allocation is freed by the other side, no C++ type appears.
 *  - Strings are pointer and length, not zero-terminated; memory given to a call is valid during that call
 *    unless said otherwise.
 *  - An instance is called by one thread at a time, but for constraints. Functions that run on the actor pool never
 *    block: all except those of backends.
 *  - Plugins take time, randomness, logging and memory limits from tk_host, and read no clock.
 */
#ifndef TOKAMAK_PLUGIN_H
#define TOKAMAK_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TK_ABI_MAJOR 0
#define TK_ABI_MINOR 3

#define TK_EXPORT __attribute__((visibility("default")))

/* ---- Values shared by all kinds ------------------------------------------------------------------ */

/** What a call returned. Same numbers as ErrorCode in schemas/sequence.fbs. */
typedef int32_t tk_status;
enum {
  TK_OK = 0, TK_INVALID_ARGUMENT = 1, TK_NOT_FOUND = 2, TK_ALREADY_EXISTS = 3, TK_UNSUPPORTED = 4,
  TK_CORRUPT = 5, TK_VERSION_MISMATCH = 6, TK_IO = 7, TK_OUT_OF_MEMORY = 8, TK_OVERLOADED = 9,
  TK_DEADLINE_EXCEEDED = 10, TK_CANCELLED = 11, TK_UNAVAILABLE = 12, TK_PERMISSION_DENIED = 13,
  TK_TOO_LARGE = 14, TK_INTERNAL = 15
};

typedef struct tk_string {
  const char* data;
  size_t size;
} tk_string;

/** Filled by the callee when it returns anything but TK_OK. `line` and `column` point into the topology
 *  file (0: nowhere), taken from the tk_option_value that is at fault. */
typedef struct tk_error {
  size_t size;
  tk_status code;
  uint32_t line;
  uint32_t column;
  char message[1024]; /* zero-terminated, cut if longer */
} tk_error;

/* ---- Options: a plugin's own TOML subtree --------------------------------------------------------- */

typedef struct tk_options tk_options; /* a table or an array, owned by the host, valid while the instance lives */

typedef int32_t tk_option_type;
enum { TK_BOOLEAN = 1, TK_INTEGER = 2, TK_REAL = 3, TK_STRING = 4, TK_ARRAY = 5, TK_TABLE = 6 };

typedef struct tk_option_value {
  size_t size;
  tk_string key; /* empty for array elements */
  tk_option_type type;
  int64_t integer; /* TK_INTEGER, and 0 or 1 for TK_BOOLEAN */
  double real;     /* TK_REAL, and the same number for TK_INTEGER */
  tk_string string;
  const tk_options* children; /* TK_ARRAY, TK_TABLE */
  uint32_t line;              /* position in the topology file, from 1 */
  uint32_t column;
} tk_option_value;

/** One option a plugin accepts, for `tokamak plugins`, for checking topologies and for defaults. */
typedef struct tk_option_spec {
  const char* name;
  tk_option_type type;
  int32_t required;
  const char* default_value; /* as written in TOML; NULL if none */
  const char* help;
} tk_option_spec;

/* ---- The host ------------------------------------------------------------------------------------- */

enum { TK_LOG_DEBUG = 0, TK_LOG_INFO = 1, TK_LOG_WARNING = 2, TK_LOG_ERROR = 3 };

/** What every plugin may ask of its host. One per instance; callable from any thread of the instance. */
typedef struct tk_host {
  size_t size;
  void* context;
  uint64_t (*now_us)(void* context);     /* monotonic; virtual in simulations */
  uint64_t (*random_u64)(void* context); /* seeded by the topology in simulations */
  void (*log)(void* context, int32_t level, tk_string event, tk_string text);
  uint32_t threads;              /* how many threads this instance may compute with, its caller included */
  uint64_t memory_budget_bytes;  /* 0: no limit stated */

  /* Options. `options` may be NULL (no table given); all functions accept that. */
  uint32_t (*option_count)(const tk_options* options);
  tk_status (*option_at)(const tk_options* options, uint32_t index, tk_option_value* out);
  tk_status (*option_find)(const tk_options* options, tk_string key, tk_option_value* out); /* TK_NOT_FOUND */

  /** Calls call(user) once, delay_us from now (virtual in simulations), on any thread, perhaps while another call of
   *  this instance runs; such calls of one instance come one at a time. When the instance is destroyed, a call that
   *  runs is waited for, and those to come are dropped. TK_UNSUPPORTED: no timers here (validate, checks of a plugin
   *  file; so far only backends get them). */
  tk_status (*call_later)(void* context, uint64_t delay_us, void (*call)(void* user), void* user);

  /** Says that the instance has its own copy of these bytes of a tk_weight, all or part of it: the host may take them out
   *  of memory. They may still be read, at the cost of bringing them back. */
  void (*release_weight)(void* context, const void* data, uint64_t bytes);
} tk_host;

/* ---- Graphs ---------------------------------------------------------------------------------------- */

/** Element formats: the numbers of GGUF tensor types. */
typedef uint32_t tk_format;
enum {
  TK_F32 = 0,
  TK_F16 = 1,
  TK_Q4_0 = 2,
  TK_Q4_1 = 3,
  TK_Q5_0 = 6,
  TK_Q5_1 = 7,
  TK_Q8_0 = 8,
  TK_Q2_K = 10,
  TK_Q3_K = 11,
  TK_Q4_K = 12,
  TK_Q5_K = 13,
  TK_Q6_K = 14,
  TK_IQ4_NL = 20,
  TK_BF16 = 30
};

#define TK_NO_VALUE 0xffffffffu

typedef uint32_t tk_value_kind;
enum {
  TK_WEIGHT = 1,     /* a named tensor; dims as in GGUF, dims[0] contiguous: a matrix is [K, N] */
  TK_ROWS = 2,       /* f32 [T][dims[0]]: one row for each row of the step */
  TK_OUTPUT_ROWS = 3 /* f32 [O][dims[0]]: one row for each wanted output */
};

enum { TK_VALUE_INPUT = 1, TK_VALUE_OUTPUT = 2 }; /* bound by tk_step.bindings */

typedef struct tk_value {
  tk_string name; /* unique in the graph */
  tk_value_kind kind;
  tk_format format;
  uint32_t n_dims;
  uint32_t flags;
  uint64_t dims[4];
} tk_value;

typedef struct tk_attribute {
  tk_string name;
  tk_option_type type; /* TK_INTEGER, TK_REAL, TK_STRING, TK_ARRAY (of reals) */
  int64_t integer;
  double real;
  tk_string string;
  const double* reals;
  size_t n_reals;
} tk_attribute;

/** One operation on values. The list order is the execution order. */
typedef struct tk_op {
  tk_string name; /* namespaced: "tokamak.matmul", "acme.fused_norm" */
  uint32_t version;
  uint32_t n_inputs;
  uint32_t n_outputs;
  uint32_t n_attributes;
  const uint32_t* inputs; /* indices of values, one for each input that the op defines; TK_NO_VALUE where it is
                             optional and absent */
  const uint32_t* outputs;
  const tk_attribute* attributes;
} tk_op;

typedef uint32_t tk_group_kind;
enum {
  TK_GROUP_FULL = 1,     /* paged K and V, every slot is kept */
  TK_GROUP_SLIDING = 2,  /* paged K and V, a row attends the last `window` positions, itself included */
  TK_GROUP_RECURRENT = 3 /* a fixed state of state_width f32 per layer and sequence */
};

/** State that sequences keep between steps. All layers of a group share one block table. */
typedef struct tk_cache_group {
  tk_string name;
  tk_group_kind kind;
  uint32_t n_layers;
  uint32_t block_size; /* tokens a block; 1 for recurrent groups, whose blocks are state slots */
  uint32_t window;     /* sliding groups: positions, itself included */
  uint32_t k_width;    /* elements of K a token and layer: kv_heads * head_dim */
  uint32_t v_width;
  uint32_t state_width; /* recurrent groups: f32 elements a layer */
  tk_format format;     /* of K and V in the cache */
} tk_cache_group;

typedef struct tk_graph_view {
  size_t size;
  const tk_value* values;
  size_t n_values;
  const tk_op* ops;
  size_t n_ops;
  const tk_cache_group* groups;
  size_t n_groups;
} tk_graph_view;

/* ---- Steps ------------------------------------------------------------------------------------------ */

/** One sequence of a step. Row i of it (from 0) fills cache slot context + i of every paged group. */
typedef struct tk_step_sequence {
  uint64_t id;
  uint32_t row_begin;
  uint32_t row_count;
} tk_step_sequence;

/** How the sequences of a step see one cache group; arrays are indexed by sequence. Slot p of sequence s lies in
 *  block tables[table_begin[s] + p / block_size - first_block[s]] at p % block_size. For recurrent groups
 *  tables[table_begin[s]] is the state slot. */
typedef struct tk_step_group {
  const uint32_t* context;     /* [S] slots filled before this step */
  const uint32_t* first_block; /* [S] */
  const uint32_t* table_begin; /* [S + 1] */
  const uint32_t* tables;
} tk_step_group;

typedef uint32_t tk_cache_op_kind;
enum {
  TK_CACHE_COPY = 0,   /* count tokens from (src_block, src_offset) to (dst_block, dst_offset); blocks are walked
                          only within one block. Recurrent: the whole slot src_block to dst_block. */
  TK_CACHE_CLEAR = 1,  /* recurrent: zero slot dst_block */
  TK_CACHE_EXPORT = 2, /* count tokens of src_block from src_offset into buffer */
  TK_CACHE_IMPORT = 3  /* the reverse, into dst_block from dst_offset */
};

/** Exported form, the same in every backend: for each layer of the group K then V, [count][width] elements in
 *  the group's format; recurrent: [n_layers][state_width] f32. */
typedef struct tk_cache_op {
  tk_cache_op_kind kind;
  uint32_t group;
  uint32_t after; /* 0: before the compute, 1: after it; in list order within each */
  uint32_t src_block, src_offset;
  uint32_t dst_block, dst_offset;
  uint32_t count;
  void* buffer; /* a handle of this backend */
  uint64_t buffer_offset;
} tk_cache_op;

/** Binds a graph value flagged INPUT or OUTPUT to memory of the backend. */
typedef struct tk_binding {
  uint32_t value;
  void* buffer;
  uint64_t offset;
} tk_binding;

typedef struct tk_step {
  size_t size;
  uint64_t id;
  uint32_t n_rows;      /* T */
  uint32_t n_sequences; /* S */
  uint32_t n_groups;
  uint32_t n_cache_ops;
  uint32_t n_outputs; /* O */
  uint32_t n_bindings;
  const int32_t* tokens;            /* [T]; -1 - i takes row i of `embeddings` instead of a token */
  const uint32_t* positions;        /* [T] for RoPE */
  const int32_t* parents;           /* [T] or NULL: the row (of this step, same sequence, earlier) that this row
                                       continues, -1: the end of the context. NULL: each row continues the one before */
  const uint32_t* adapters;         /* [T] or NULL; 0: none */
  const tk_step_sequence* sequences;
  const tk_step_group* groups;
  const tk_cache_op* cache_ops;
  const uint32_t* output_rows; /* [O] ascending */
  const tk_binding* bindings;
  void* embeddings; /* buffer or NULL: f32 rows of the model's width */
} tk_step;

/** Called exactly once for each accepted submit, from any thread, perhaps before submit returns. `error` is NULL
 *  when status is TK_OK, and valid during the call. */
typedef void (*tk_step_done)(void* user, uint64_t ticket, tk_status status, const tk_error* error);

/* ---- Kind: backend ----------------------------------------------------------------------------------- */

typedef struct tk_weight {
  uint32_t value;   /* index of the TK_WEIGHT value in the graph */
  const void* data; /* row-major in the value's format; valid until the last program using it is destroyed */
  uint64_t bytes;
} tk_weight;

/** An implementation of an op for backends whose memory the host can read; see the kernels kind. */
typedef struct tk_kernel_args {
  size_t size;
  uint32_t n_inputs;
  uint32_t n_outputs;
  const float* const* inputs;     /* rows values: [rows][width]; weights: see weights */
  const void* const* weights;     /* parallel to inputs: raw weight data, or NULL for rows values */
  const uint64_t* input_widths;
  float* const* outputs;
  const uint64_t* output_widths;
  uint32_t row_begin, row_end;    /* compute these rows only */
  const uint32_t* positions;      /* [rows] */
  const tk_op* op;
} tk_kernel_args;

typedef struct tk_kernel {
  size_t size;
  tk_string op_name;
  uint32_t op_version;
  const char* cpu_level; /* "reference", "avx2", "avx512": the least level it needs */
  void (*compute)(const tk_kernel_args* args);
} tk_kernel;

typedef struct tk_backend_info {
  size_t size;
  char name[64];         /* "cpu" */
  char level[64];        /* "avx2", "sm_90" */
  uint32_t threads;
  uint32_t host_visible; /* buffers have host pointers */
  uint64_t memory_bytes; /* in use by this instance: weights, caches, work space */
  uint32_t simulated;    /* 1: steps take time but compute nothing; memory is counted, not taken; logits mean nothing */
} tk_backend_info;

/** Takes a named figure; the name is valid during the call. */
typedef void (*tk_put_counter)(void* user, tk_string name, double value);

/** Runs graphs. Called on the shard's thread; submit may return before the work is done. All handles belong to the
 *  backend; the host never dereferences them. */
typedef struct tk_backend {
  size_t size;
  tk_status (*create)(const tk_host* host, const tk_options* options, void** self, tk_error* error);
  void (*destroy)(void* self); /* after all programs, caches and buffers */
  void (*describe)(void* self, tk_backend_info* out);

  /** 1 if the op with these inputs can run here (kernels included), else 0 and the host decomposes it. */
  int32_t (*supports)(void* self, const tk_graph_view* graph, uint32_t op, const tk_kernel* kernels,
                      size_t n_kernels);

  /** Takes the weights (repacking them as it likes) and prepares to run the graph. View and kernels are valid
   *  during the call only, the kernels' functions until the last program using them is destroyed. */
  tk_status (*program_create)(void* self, const tk_graph_view* graph, const tk_weight* weights, size_t n_weights,
                              const tk_kernel* kernels, size_t n_kernels, void** program, tk_error* error);
  void (*program_destroy)(void* self, void* program);

  /** Memory for the groups' blocks: n_blocks[g] each. Several programs (segments of one graph) may share it. */
  tk_status (*cache_create)(void* self, const tk_cache_group* groups, size_t n_groups, const uint32_t* n_blocks,
                            void** cache, tk_error* error);
  void (*cache_destroy)(void* self, void* cache);

  /** Optional (may be NULL): announces the largest step to come, e.g. for work space or captured graphs. */
  tk_status (*prepare)(void* self, void* program, uint32_t max_rows, uint32_t max_sequences, uint32_t max_outputs,
                       tk_error* error);

  /** Runs the step. The struct is valid during the call, its arrays until done is called. Steps of one cache complete
   *  in submit order. Anything but TK_OK means: not accepted, done will not be called. */
  tk_status (*submit)(void* self, void* program, void* cache, const tk_step* step, tk_step_done done, void* user,
                      uint64_t* ticket, tk_error* error);

  /* Buffers. read and write may block; they are called while no step that uses the buffer is in flight. */
  tk_status (*buffer_create)(void* self, uint64_t bytes, void** buffer, tk_error* error);
  void (*buffer_destroy)(void* self, void* buffer);
  void* (*buffer_host_pointer)(void* self, void* buffer); /* NULL: the host cannot see it */
  tk_status (*buffer_read)(void* self, void* buffer, uint64_t offset, void* to, uint64_t bytes, tk_error* error);
  tk_status (*buffer_write)(void* self, void* buffer, uint64_t offset, const void* from, uint64_t bytes,
                            tk_error* error);

  /** Optional (may be NULL): spares the host the reading of logits where a step wants nothing but their largest. For each
   *  of n_rows rows of `width` f32 from `offset`: the index of the largest, the first of equal ones; NaN is left out, +inf
   *  is read as the largest finite number, and -1 stands for a row without any. May block, as buffer_read. */
  tk_status (*buffer_argmax)(void* self, void* buffer, uint64_t offset, uint64_t width, uint32_t n_rows,
                             int32_t* indices, tk_error* error);

  /** Optional (may be NULL): figures for the shard's status, each handed to `put` during the call. */
  void (*counters)(void* self, tk_put_counter put, void* user);

  /** Optional (may be NULL): lends the instance's compute threads, to the sampling of many sequences for one. Calls
   *  call(user, i) once for each i below `items`, several at a time, and returns when all have returned; `call` calls
   *  nothing of the backend. On the thread of submit, while no step is in flight. */
  void (*run_parallel)(void* self, uint32_t items, void (*call)(void* user, uint32_t item), void* user);
} tk_backend;

/* ---- Kind: graph_pass --------------------------------------------------------------------------------- */

/** The host's functions for editing a graph. Views and indices are valid until the next edit. */
typedef struct tk_graph_editor tk_graph_editor;
typedef struct tk_graph_edit tk_graph_edit;

/** Replaces one op of the given name and version by simpler ops, using the editor. */
typedef tk_status (*tk_decompose)(tk_graph_editor* editor, const tk_graph_edit* api, uint32_t op,
                                  tk_error* error);

struct tk_graph_edit {
  size_t size;
  void (*view)(tk_graph_editor* editor, tk_graph_view* out);
  tk_status (*add_value)(tk_graph_editor* editor, const tk_value* value, uint32_t* index, tk_error* error);
  /** Inserts before position `at` (n_ops: at the end). Inputs must be defined before it. */
  tk_status (*insert_op)(tk_graph_editor* editor, uint32_t at, const tk_op* op, tk_error* error);
  tk_status (*erase_op)(tk_graph_editor* editor, uint32_t at, tk_error* error);
  /** Says how an op that not every backend knows falls apart. Kept with the graph. */
  tk_status (*define_op)(tk_graph_editor* editor, tk_string name, uint32_t version, tk_decompose decompose,
                         tk_error* error);
};

typedef struct tk_graph_pass {
  size_t size;
  tk_status (*create)(const tk_host* host, const tk_options* options, void** self, tk_error* error);
  void (*destroy)(void* self);
  tk_status (*run)(void* self, tk_graph_editor* editor, const tk_graph_edit* api, tk_error* error);
} tk_graph_pass;

/* ---- Kind: kernels -------------------------------------------------------------------------------------- */

typedef struct tk_kernels {
  size_t size;
  const tk_kernel* kernels;
  size_t n_kernels;
} tk_kernels;

/* ---- Kind: scheduler -------------------------------------------------------------------------------------- */

enum { TK_SEQUENCE_WAITING = 0, TK_SEQUENCE_RUNNING = 1 };

/** One sequence that has rows to compute. */
typedef struct tk_schedule_sequence {
  uint64_t id;
  int32_t state; /* waiting: holds no blocks yet */
  int32_t priority;
  uint64_t arrival_us;
  uint64_t deadline_us;   /* absolute; 0: none */
  uint32_t pending_rows;  /* rows that could be computed now: the rest of a prompt, or 1 to decode */
  uint32_t computed_rows; /* rows in the cache already */
  uint32_t is_prefill;    /* 1: prompt rows; 0: decode */
  uint32_t block_size;
} tk_schedule_sequence;

typedef struct tk_schedule_input {
  size_t size;
  const tk_schedule_sequence* sequences; /* running first, each part in order of arrival */
  size_t n_sequences;
  uint32_t max_rows;      /* of one step */
  uint32_t max_sequences; /* of one step */
  uint32_t free_blocks;   /* least over the groups */
  uint64_t now_us;
} tk_schedule_input;

/** rows[i]: how many rows of sequence i to compute in this step (0: none). preempt[i] = 1 gives its blocks back; it
 *  waits and is computed anew later. The host clips a plan that is over a limit. */
typedef struct tk_schedule_plan {
  uint32_t* rows;
  uint8_t* preempt;
} tk_schedule_plan;

/** Forms steps. Called once per step on the scheduler's thread; must be quick. */
typedef struct tk_scheduler {
  size_t size;
  tk_status (*create)(const tk_host* host, const tk_options* options, void** self, tk_error* error);
  void (*destroy)(void* self);
  void (*plan)(void* self, const tk_schedule_input* input, const tk_schedule_plan* out);
} tk_scheduler;

/* ---- Kind: cache_policy ------------------------------------------------------------------------------------- */

#define TK_NO_BLOCK 0xffffffffu

/** An index of computed blocks by the tokens they hold: which to keep, find and give up. A node is one block of
 *  block_size tokens in its prefix, with one physical block per cache group (or TK_NO_BLOCK). */
typedef struct tk_cache_policy {
  size_t size;
  tk_status (*create)(const tk_host* host, const tk_options* options, uint32_t block_size, uint32_t n_groups,
                      void** self, tk_error* error);
  void (*destroy)(void* self);
  /** Longest chain of nodes matching the tokens' start. Writes up to max_nodes rows of n_groups blocks and pins those
   *  nodes for `sequence` until unpin. Returns the number of nodes. */
  size_t (*lookup)(void* self, uint64_t sequence, const int32_t* tokens, size_t n_tokens, uint32_t* blocks,
                   size_t max_nodes);
  void (*unpin)(void* self, uint64_t sequence);
  /** Offers n_nodes complete blocks from the tokens' start: blocks[node * n_groups + group]. taken[i] becomes 1 where
   *  the policy owns blocks[i] afterwards (also if it did before), 0 where the caller keeps it: an equal node holds another
   *  block, or blocks[i] is TK_NO_BLOCK. A new node needs a block in at least one group; insertion stops at the first
   *  that has none. The nodes are pinned for `sequence` until unpin; 0 pins nothing. */
  void (*insert)(void* self, uint64_t sequence, const int32_t* tokens, size_t n_nodes, const uint32_t* blocks,
                 uint8_t* taken);
  /** Gives up unpinned nodes until `wanted` blocks of `group` are free or none is left. Every
   *  block given up is reported through `give`, of whichever group. Returns how many of `group` were given. */
  size_t (*evict)(void* self, uint32_t group, size_t wanted, void* context,
                  void (*give)(void* context, uint32_t group, uint32_t block));
  uint64_t (*cached_nodes)(void* self);
  /** Blocks of `group` that evict could give now. */
  uint64_t (*evictable)(void* self, uint32_t group);
} tk_cache_policy;

/* ---- Kind: placement ------------------------------------------------------------------------------------------ */

typedef struct tk_placement_member {
  tk_string name;
  uint32_t available; /* 0: draining or lost; must not be chosen */
  uint32_t running;
  uint32_t waiting;
  uint32_t blocks_free;
  uint32_t blocks_total;
  uint32_t cached_prefix_tokens; /* of this request's prompt, as far as known */
  double tokens_per_s;
  double link_us; /* one way; 0: here */
} tk_placement_member;

typedef struct tk_placement_request {
  size_t size;
  uint64_t id;
  const int32_t* tokens;
  size_t n_tokens;
  uint32_t max_tokens;
  int32_t priority;
} tk_placement_request;

/** Picks the engine that serves a request. */
typedef struct tk_placement {
  size_t size;
  tk_status (*create)(const tk_host* host, const tk_options* options, void** self, tk_error* error);
  void (*destroy)(void* self);
  /** Index of an available member, or n_members if none should serve it. */
  size_t (*choose)(void* self, const tk_placement_request* request, const tk_placement_member* members,
                   size_t n_members);
} tk_placement;

/* ---- Kind: constraint ----------------------------------------------------------------------------------------- */

/** What a text allows an answer to be, token by token. The text is the client's, and hostile: its size and what it costs
 *  are the plugin's to limit. An instance, what it compiled and different matchers are used by several threads at a time;
 *  one matcher by one. A matcher is a pure function of the tokens it was advanced by. */
typedef struct tk_constraint {
  size_t size;
  /** tokens[i] are the bytes that token i stands for, valid during the call; empty: not text (control tokens), never
   *  allowed. n_tokens = 0: an instance that only compiles, to check texts. */
  tk_status (*create)(const tk_host* host, const tk_options* options, const tk_string* tokens, size_t n_tokens,
                      void** self, tk_error* error);
  void (*destroy)(void* self);
  /** TK_INVALID_ARGUMENT with a message that says where in the text, what was found and what was expected;
   *  TK_UNSUPPORTED likewise for what could be meant but is not known here. */
  tk_status (*compile)(void* self, tk_string text, void** compiled, tk_error* error);
  /** Once all of its matchers are destroyed. */
  void (*compiled_destroy)(void* self, void* compiled);
  /** At the answer's begin. Only of an instance with tokens. */
  tk_status (*matcher_create)(void* self, void* compiled, void** matcher, tk_error* error);
  void (*matcher_destroy)(void* self, void* matcher);
  /** The answer goes on with this token. 0: it is not allowed here, and the matcher allows nothing from now on. */
  int32_t (*advance)(void* self, void* matcher, int32_t token);
  /** Sets bit i % 32 of mask[i / 32] for each token i that may come next. (n_tokens + 31) / 32 words, zero when called. */
  void (*allowed)(void* self, void* matcher, uint32_t* mask);
  /** TK_MAY_END: the answer so far is whole; TK_MUST_END: and nothing may follow. */
  int32_t (*ending)(void* self, void* matcher);
} tk_constraint;

enum { TK_MAY_NOT_END = 0, TK_MAY_END = 1, TK_MUST_END = 2 };

/* ---- Kind: fusion --------------------------------------------------------------------------------------------- */

typedef struct tk_candidate {
  int32_t token;
  float logprob;
  tk_string text; /* the bytes it stands for */
} tk_candidate;

typedef int32_t tk_finish;
enum { TK_FINISH_NONE = 0, TK_FINISH_STOP = 1, TK_FINISH_LENGTH = 2, TK_FINISH_CANCELLED = 3, TK_FINISH_ERROR = 4 };

/** News of one sequence that the plugin opened. */
typedef struct tk_sequence_event {
  size_t size;
  uint64_t sequence;
  uint64_t op;            /* of extend; 0 for generated tokens */
  const int32_t* tokens;  /* new answer tokens */
  size_t n_tokens;
  const float* logprobs;  /* [n_tokens] or NULL */
  tk_string text;
  const tk_candidate* candidates; /* n_candidates for each answered position, most likely first */
  size_t n_positions;
  size_t n_candidates;
  tk_finish finish;
  tk_string stop; /* the stop string that ended it */
  const tk_error* error; /* with TK_FINISH_ERROR */
  uint32_t length;       /* tokens in the sequence */
  uint32_t prompt_tokens;
  uint32_t cached_tokens;
} tk_sequence_event;

/** What a client says of its request: "tier" = "free". */
typedef struct tk_label {
  tk_string key;
  tk_string value;
} tk_label;

/** The client's request as the plugin sees it. Opaque parts (sampling, stops, messages) travel by reference: open()
 *  uses the request's own unless overridden. */
typedef struct tk_request {
  size_t size;
  uint64_t id;
  tk_string prompt_text;    /* the text, or the messages' contents joined by newlines */
  uint32_t n_messages;
  uint32_t max_tokens;
  int32_t priority;
  float temperature;
  tk_string model;          /* the name the client asked for: the endpoint's, or one of its aliases */
  tk_string tenant;         /* empty: none */
  const tk_label* metadata; /* in the client's order */
  size_t n_metadata;
  size_t prompt_characters; /* of prompt_text, in Unicode characters */
  size_t n_prompt_tokens;   /* of a prompt given as tokens, else 0 */
} tk_request;

/** How to open a sequence. Zero-initialise, then set what differs from the request. */
typedef struct tk_open {
  size_t size;
  uint32_t target;        /* index in tk_fusion_members */
  uint32_t generate;      /* tokens to generate at once; 0: wait */
  uint32_t use_request_prompt; /* 1: the request's prompt (messages, text or tokens) */
  tk_string text;         /* else this text ... */
  const int32_t* tokens;  /* ... or these tokens */
  size_t n_tokens;
  int32_t greedy;         /* 1: ignore the request's sampling and constraint */
  uint32_t ignore_stops;  /* 1: none of the request's stop rules */
  uint64_t deadline_us;   /* 0: the request's */
} tk_open;

/** The endpoint's functions for one request; `call` is the handle given to begin. All return at once; what comes of
 *  them arrives as events. */
typedef struct tk_fusion_host {
  size_t size;
  tk_status (*open)(void* call, const tk_open* open, uint64_t* sequence, tk_error* error);
  tk_status (*extend)(void* call, uint64_t sequence, uint64_t op, const int32_t* tokens, size_t n_tokens,
                      tk_string text, uint32_t top, tk_error* error);
  tk_status (*generate)(void* call, uint64_t sequence, uint32_t n, tk_error* error);
  tk_status (*fork)(void* call, uint64_t sequence, uint32_t length, uint64_t* child, tk_error* error);
  tk_status (*truncate)(void* call, uint64_t sequence, uint32_t length, tk_error* error);
  void (*close)(void* call, uint64_t sequence);
  /** Passes new answer tokens on to the client. */
  void (*emit)(void* call, const int32_t* tokens, size_t n_tokens, tk_string text);
  /** Passes an event on to the client as it is: tokens, text and log-probabilities, not its end. */
  void (*forward)(void* call, const tk_sequence_event* event);
  /** Ends the request; open sequences are closed. No event follows. */
  void (*finish)(void* call, tk_finish reason, tk_string stop);
  void (*fail)(void* call, tk_status code, tk_string message);
  /** on_timer(state, id) after delay_us. */
  void (*set_timer)(void* call, uint64_t delay_us, uint64_t id);
} tk_fusion_host;

typedef struct tk_fusion_member {
  tk_string name;     /* pool or endpoint */
  uint32_t is_pool;
} tk_fusion_member;

/** An event-driven state machine: how the members' answers become one. */
typedef struct tk_fusion {
  size_t size;
  tk_status (*create)(const tk_host* host, const tk_options* options, const tk_fusion_member* members,
                      size_t n_members, void** self, tk_error* error);
  void (*destroy)(void* self);
  /** Starts a request. *state is the plugin's own. On failure the request fails with the error. */
  tk_status (*begin)(void* self, const tk_request* request, const tk_fusion_host* host, void* call, void** state,
                     tk_error* error);
  void (*on_event)(void* self, void* state, const tk_sequence_event* event);
  void (*on_timer)(void* self, void* state, uint64_t id);
  /** The request is over (finished, failed or cancelled); frees the state. Makes no further calls. */
  void (*end)(void* self, void* state);
  /** Upper bound of tokens computed for a request of max_tokens: members times tokens. */
  uint64_t (*worst_case_tokens)(void* self, uint32_t max_tokens);
} tk_fusion;

/* ---- What a plugin exports ------------------------------------------------------------------------------------- */

typedef uint32_t tk_kind;
enum {
  TK_KIND_FUSION = 1, TK_KIND_PLACEMENT = 2, TK_KIND_SCHEDULER = 3, TK_KIND_CACHE_POLICY = 4,
  TK_KIND_GRAPH_PASS = 5, TK_KIND_KERNELS = 6, TK_KIND_BACKEND = 7, TK_KIND_CONSTRAINT = 8
};

/** One extension: a name in a slot of the topology. */
typedef struct tk_extension {
  size_t size;
  tk_kind kind;
  const char* name;    /* "direct", "cpu": unique for its kind */
  const char* summary; /* one sentence */
  const tk_option_spec* options;
  size_t n_options;
  const void* functions; /* the table of its kind: tk_fusion, tk_backend, ... */
  /** Checks an option table without starting anything; called after types and names were checked against
   *  `options`. May be NULL. */
  tk_status (*validate)(const tk_host* host, const tk_options* options, tk_error* error);
} tk_extension;

/** The head (size, abi_major, abi_minor) never changes its layout. */
typedef struct tk_plugin {
  size_t size;
  uint32_t abi_major; /* TK_ABI_MAJOR it was built with */
  uint32_t abi_minor;
  const char* name;
  const char* version;
  const char* license;
  const char* summary;
  const tk_extension* extensions;
  size_t n_extensions;
} tk_plugin;

/** The one symbol of a plugin. The host says its version; a plugin that cannot work with it still returns its head,
 *  with n_extensions = 0. The result lives as long as the library is loaded. */
TK_EXPORT const tk_plugin* tokamak_plugin(uint32_t host_abi_major, uint32_t host_abi_minor);
typedef const tk_plugin* (*tk_plugin_entry)(uint32_t host_abi_major, uint32_t host_abi_minor);

#ifdef __cplusplus
}
#endif

#endif /* TOKAMAK_PLUGIN_H */
