/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli.h"
#include "encode.h"

enum {
	OPT_CODEC = 256, OPT_ENGINE, OPT_BITRATE, OPT_MAXRATE, OPT_VBV, OPT_RC, OPT_QP,
	OPT_QUALITY, OPT_FPS, OPT_SIZE, OPT_GOP, OPT_PRESET, OPT_TUNE, OPT_THREADS,
	OPT_STREAMS, OPT_FRAMES, OPT_REALTIME, OPT_THROUGHPUT, OPT_PSNR, OPT_SSIM, OPT_DIRECT,
	OPT_NO_DIRECT, OPT_JSON, OPT_QUIET, OPT_FORMAT, OPT_INPUT_FORMAT, OPT_CONTAINER,
	OPT_DEPTH, OPT_CEILING, OPT_ENGINE_RC, OPT_NO_HINTS, OPT_AQ, OPT_BFRAMES, OPT_ENGINE_OPTIONS,
	OPT_LAYERS, OPT_BASE_PERCENT,
};

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "codec", required_argument, NULL, OPT_CODEC },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "engine-options", required_argument, NULL, OPT_ENGINE_OPTIONS },
	{ "bitrate", required_argument, NULL, OPT_BITRATE },
	{ "maxrate", required_argument, NULL, OPT_MAXRATE },
	{ "vbv-ms", required_argument, NULL, OPT_VBV },
	{ "rc", required_argument, NULL, OPT_RC },
	{ "frame-ceiling", required_argument, NULL, OPT_CEILING },
	{ "engine-rc", no_argument, NULL, OPT_ENGINE_RC },
	{ "no-hints", no_argument, NULL, OPT_NO_HINTS },
	{ "aq", required_argument, NULL, OPT_AQ },
	{ "qp", required_argument, NULL, OPT_QP },
	{ "quality", required_argument, NULL, OPT_QUALITY },
	{ "fps", required_argument, NULL, OPT_FPS },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "gop", required_argument, NULL, OPT_GOP },
	{ "bframes", required_argument, NULL, OPT_BFRAMES },
	{ "layers", required_argument, NULL, OPT_LAYERS },
	{ "base-percent", required_argument, NULL, OPT_BASE_PERCENT },
	{ "preset", required_argument, NULL, OPT_PRESET },
	{ "tune", required_argument, NULL, OPT_TUNE },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "streams", required_argument, NULL, OPT_STREAMS },
	{ "frames", required_argument, NULL, OPT_FRAMES },
	{ "realtime", no_argument, NULL, OPT_REALTIME },
	{ "throughput", required_argument, NULL, OPT_THROUGHPUT },
	{ "psnr", no_argument, NULL, OPT_PSNR },
	{ "ssim", no_argument, NULL, OPT_SSIM },
	{ "direct", no_argument, NULL, OPT_DIRECT },
	{ "no-direct", no_argument, NULL, OPT_NO_DIRECT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "input-format", required_argument, NULL, OPT_INPUT_FORMAT },
	{ "container", required_argument, NULL, OPT_CONTAINER },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_help(void)
{
	char codecs[128];

	codec_list(codecs, sizeof(codecs));
	fputs("Usage: hvcal encode INPUT -o OUTPUT [OPTION]...\n"
	      "\n"
	      "Encodes a video. INPUT is any file that libavformat reads, or - for Y4M or raw\n"
	      "pictures on standard input. OUTPUT is .mp4, .mkv, .ivf or a plain byte stream\n"
	      "(.h264 .264 .hevc .h265 .obu .yuv .bin); - writes to standard output. It appears\n"
	      "under its name only when it is whole.\n"
	      "\n"
	      "What to make:\n"
	      "  -o, --output FILE      with several streams: FILE with %d for the number, or\n"
	      "                         -1, -2, ... before the extension\n", stdout);
	printf("      --codec NAME       %s (default h264)\n", codecs);
	fputs("      --container NAME   mp4, mkv, ivf or plain (default: by the extension)\n"
	      "      --size WxH         scale to this; of raw pictures: their size\n"
	      "      --fps F            time the pictures evenly, 30 or 30000/1001; of raw\n"
	      "                         pictures: their rate (default 25)\n"
	      "      --depth 8|10       bits per sample (default 8)\n"
	      "      --frames N         stop after N pictures\n"
	      "      --streams N        N encodings of the same input at once (1..64)\n"
	      "\n"
	      "How to encode:\n"
	      "      --engine NAME      this engine (hvcal info lists them)\n"
	      "      --rc MODE          cbr, vbr, cqp or icq (default: vbr with --bitrate, cqp\n"
	      "                         with --qp, icq with --quality, else the engine's choice)\n"
	      "      --bitrate RATE     bits per second: 800k, 4M\n"
	      "      --maxrate RATE     peak of vbr\n"
	      "      --vbv-ms MS        size of the coded picture buffer\n"
	      "      --frame-ceiling B  bytes that no frame is planned to exceed\n"
	      "      --engine-rc        the engine's own rate control, not libhvcal's\n"
	      "      --no-hints         libhvcal's rate control shall not look at the pictures\n"
	      "      --aq N             adaptive quantisation: flat blocks finer, busy ones\n"
	      "                         coarser; 0 off (default), 8 usual, 64 most\n"
	      "      --qp N             of cqp, on the codec's own scale\n"
	      "      --quality N        of icq, 1 best .. 51 worst\n"
	      "      --gop N            frames from key frame to key frame, 0 only the first\n"
	      "                         (default 250)\n"
	      "      --bframes N        consecutive B frames, 0..16 (default 0)\n"
	      "      --layers N         temporal layers; with 2 nothing refers to each second\n"
	      "                         picture, and its packet may be left out (default 1)\n"
	      "      --base-percent P   of --layers 2: the lower layer alone keeps to this share\n"
	      "                         of the rate, 1..99 (default: no such limit)\n"
	      "      --preset N         0 fastest .. 9 slowest (default 4)\n"
	      "      --tune NAME        low-latency (default) or quality\n"
	      "      --threads N        of a software engine\n"
	      "      --realtime         take one picture per period, and reserve engine time\n"
	      "                         for that rate (may be refused)\n"
	      "      --throughput MODE  latency, balanced (default) or batch: pictures inside at\n"
	      "                         once; with --realtime also how much time is reserved\n"
	      "      --direct           the engine in this process, even if /dev/hvcal is there\n"
	      "      --no-direct        /dev/hvcal or nothing\n"
	      "      --engine-options L of direct mode: key=value,key=value\n"
	      "\n"
	      "Input:\n"
	      "      --input-format F   raw or y4m (default: by contents; - is y4m)\n"
	      "      --format NAME      pixel format of raw pictures (default yuv420p)\n"
	      "\n"
	      "Report:\n"
	      "      --psnr, --ssim     decode every packet and compare it with its picture;\n"
	      "                         this takes time, which lowers the fps that are shown\n"
	      "      --json             machine-readable report on standard output\n"
	      "      --quiet            no progress bar, no summary\n"
	      "  -h, --help             this text\n"
	      "\n"
	      "Reading, decoding and scaling the input is the program's own work, into memory\n"
	      "that HVCAL gave it. The copied bytes of the report are those after that.\n"
	      "\n"
	      "HDR10 metadata of the input, and the HDR10+ of each picture of HEVC and AV1, go\n"
	      "with the pictures where the engine can.\n",
	      stdout);
}

static int bad_value(const char *option, const char *value, const char *wanted)
{
	return cli_usage("encode", "--%s %s: %s", option, value, wanted);
}

static int take_number(const char *option, uint64_t min, uint64_t max, uint32_t *to)
{
	uint64_t value;
	char wanted[64];

	if (!cli_parse_u64(optarg, min, max, &value)) {
		*to = (uint32_t)value;
		return -1;
	}
	snprintf(wanted, sizeof(wanted), "must be a number from %llu to %llu",
		 (unsigned long long)min, (unsigned long long)max);
	return bad_value(option, optarg, wanted);
}

static int take_rate(const char *option, uint64_t *to)
{
	if (!cli_parse_rate(optarg, to))
		return -1;
	return bad_value(option, optarg, "must be bits per second, 1k to 100G: 800k, 4M");
}

static int take_size(struct source_params *source)
{
	long width, height;

	if (cli_parse_size(optarg, &width, &height))
		return bad_value("size", optarg, "must read WIDTHxHEIGHT: 1920x1080");
	if (width < 2 || height < 2 || width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE)
		return bad_value("size", optarg, "each side must be from 2 to 16384");
	source->width = (int)width;
	source->height = (int)height;
	return -1;
}

static int take_mode(hvcal_config_t *config)
{
	static const struct {
		const char *name;
		uint32_t mode;
	} modes[] = {
		{ "cbr", HVCAL_RC_CBR }, { "vbr", HVCAL_RC_VBR },
		{ "cqp", HVCAL_RC_CQP }, { "icq", HVCAL_RC_ICQ },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(modes[i].name, optarg)) {
			config->rc_mode = modes[i].mode;
			return -1;
		}
	}
	return bad_value("rc", optarg, "must be cbr, vbr, cqp or icq");
}

static int take_throughput(uint32_t *mode)
{
	static const char *const names[] = {
		[HVCAL_THROUGHPUT_LATENCY] = "latency",
		[HVCAL_THROUGHPUT_BALANCED] = "balanced",
		[HVCAL_THROUGHPUT_BATCH] = "batch",
	};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i], optarg)) {
			*mode = i;
			return -1;
		}
	}
	return bad_value("throughput", optarg, "must be latency, balanced or batch");
}

static int take_tune(hvcal_config_t *config)
{
	if (!strcmp(optarg, "low-latency"))
		config->tune = HVCAL_TUNE_LOW_LATENCY;
	else if (!strcmp(optarg, "quality"))
		config->tune = HVCAL_TUNE_QUALITY;
	else
		return bad_value("tune", optarg, "must be low-latency or quality");
	return -1;
}

static int take_codec(struct encode_options *o)
{
	char codecs[160];

	o->codec = codec_by_name(optarg);
	if (o->codec)
		return -1;
	snprintf(codecs, sizeof(codecs), "no such codec; there are ");
	codec_list(codecs + strlen(codecs), sizeof(codecs) - strlen(codecs));
	return bad_value("codec", optarg, codecs);
}

static int take_text(struct encode_options *o, int option)
{
	switch (option) {
	case 'o':
		o->output = optarg;
		return -1;
	case OPT_ENGINE:
		if (!optarg[0] || strlen(optarg) >= sizeof(o->config.engine_name))
			return bad_value("engine", optarg, "not a name of an engine");
		snprintf(o->config.engine_name, sizeof(o->config.engine_name), "%s", optarg);
		return -1;
	case OPT_ENGINE_OPTIONS:
		o->engine_options = optarg;
		return -1;
	case OPT_FORMAT:
		o->source.pixel_format = optarg;
		return -1;
	case OPT_INPUT_FORMAT:
		if (strcmp(optarg, "raw") && strcmp(optarg, "y4m"))
			return bad_value("input-format", optarg, "must be raw or y4m");
		o->source.input_format = optarg;
		return -1;
	default:
		o->container = container_by_name(optarg);
		if (o->container == CONTAINER_NONE)
			return bad_value("container", optarg, "must be mp4, mkv, ivf or plain");
		return -1;
	}
}

static int take_flag(struct encode_options *o, int option)
{
	switch (option) {
	case OPT_REALTIME:
		o->realtime = true;
		o->config.sched = HVCAL_SCHED_REALTIME;
		break;
	case OPT_PSNR:
		o->psnr = true;
		break;
	case OPT_SSIM:
		o->ssim = true;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_QUIET:
		o->quiet = true;
		break;
	case OPT_DIRECT:
	case OPT_NO_DIRECT:
		if (o->backend != HVCAL_BACKEND_AUTO)
			return cli_usage("encode", "--direct and --no-direct exclude each other");
		o->backend = option == OPT_DIRECT ? HVCAL_BACKEND_DIRECT : HVCAL_BACKEND_KERNEL;
		break;
	}
	return -1;
}

static int take_option(struct encode_options *o, int option)
{
	uint32_t number = 0;
	int ret;

	switch (option) {
	case OPT_CODEC:
		return take_codec(o);
	case OPT_BITRATE:
		return take_rate("bitrate", &o->config.bitrate);
	case OPT_MAXRATE:
		return take_rate("maxrate", &o->config.max_bitrate);
	case OPT_VBV:
		return take_number("vbv-ms", 1, 60000, &o->config.vbv_ms);
	case OPT_CEILING:
		return take_number("frame-ceiling", 100, 1U << 30, &o->config.frame_ceiling);
	case OPT_ENGINE_RC:
		o->config.rate_control = HVCAL_RATE_CONTROL_ENGINE;
		return -1;
	case OPT_NO_HINTS:
		o->config.rate_hints = HVCAL_RATE_HINTS_OFF;
		return -1;
	case OPT_AQ:
		return take_number("aq", 0, 64, &o->config.adaptive_quant);
	case OPT_RC:
		return take_mode(&o->config);
	case OPT_QP:
		return take_number("qp", 1, 255, &o->config.qp);
	case OPT_QUALITY:
		return take_number("quality", 1, 51, &o->config.quality);
	case OPT_SIZE:
		return take_size(&o->source);
	case OPT_GOP:
		return take_number("gop", 0, 1000000, &o->config.gop_size);
	case OPT_BFRAMES:
		return take_number("bframes", 0, 16, &o->config.bframes);
	case OPT_LAYERS:
		ret = take_number("layers", 1, 2, &number);
		o->config.features &= ~(1U << HVCAL_FEATURE_LAYERS);
		o->config.features |= number == 2 ? 1U << HVCAL_FEATURE_LAYERS : 0;
		return ret;
	case OPT_BASE_PERCENT:
		return take_number("base-percent", 1, 99, &o->config.base_percent);
	case OPT_PRESET:
		return take_number("preset", 0, 9, &o->config.preset);
	case OPT_TUNE:
		return take_tune(&o->config);
	case OPT_THROUGHPUT:
		return take_throughput(&o->throughput);
	case OPT_DEPTH:
		ret = take_number("depth", 8, 10, &o->depth);
		if (ret < 0 && o->depth == 9)
			return bad_value("depth", optarg, "must be 8 or 10");
		return ret;
	case OPT_THREADS:
		return take_number("threads", 1, 1024, &o->config.threads);
	case OPT_STREAMS:
		return take_number("streams", 1, ENCODE_MAX_STREAMS, &o->streams);
	case OPT_FRAMES:
		ret = take_number("frames", 1, UINT32_MAX, &number);
		o->source.max_frames = number;
		return ret;
	case OPT_FPS:
		if (cli_parse_fps(optarg, &o->source.fps_num, &o->source.fps_den))
			return bad_value("fps", optarg,
					 "must be 0.001 to 1000, or a fraction: 30000/1001");
		return -1;
	case 'o':
	case OPT_ENGINE:
	case OPT_ENGINE_OPTIONS:
	case OPT_FORMAT:
	case OPT_INPUT_FORMAT:
	case OPT_CONTAINER:
		return take_text(o, option);
	default:
		return take_flag(o, option);
	}
}

/* What one option means for another. */
static int check(struct encode_options *o)
{
	hvcal_config_t *c = &o->config;
	bool raw = o->source.input_format && !strcmp(o->source.input_format, "raw");

	if (!o->source.path)
		return cli_usage("encode", "no input is given");
	if (!o->output || !o->output[0])
		return cli_usage("encode", "no output is given (-o FILE)");
	if (raw && !o->source.width)
		return cli_usage("encode", "raw pictures need --size WxH");
	if (!raw && o->source.pixel_format)
		return cli_usage("encode", "--format is for --input-format raw");
	if (o->streams > 1 && !strcmp(o->source.path, "-"))
		return cli_usage("encode", "several streams need a file as input");
	if (o->streams > 1 && !strcmp(o->output, "-"))
		return cli_usage("encode", "several streams need a file as output");
	if (o->json && !strcmp(o->output, "-"))
		return cli_usage("encode", "--json and the output cannot both go to standard output");

	if (c->rc_mode == HVCAL_RC_DEFAULT) {
		if (c->qp)
			c->rc_mode = HVCAL_RC_CQP;
		else if (c->quality)
			c->rc_mode = HVCAL_RC_ICQ;
		else if (c->bitrate)
			c->rc_mode = HVCAL_RC_VBR;
	}
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) && !c->bitrate)
		return cli_usage("encode", "--rc cbr and vbr need --bitrate");
	if (c->rc_mode == HVCAL_RC_CQP && !c->qp)
		return cli_usage("encode", "--rc cqp needs --qp");
	if (c->rc_mode == HVCAL_RC_ICQ && !c->quality)
		return cli_usage("encode", "--rc icq needs --quality");
	if (c->qp && c->rc_mode != HVCAL_RC_CQP)
		return cli_usage("encode", "--qp is for --rc cqp");
	if (c->quality && c->rc_mode != HVCAL_RC_ICQ)
		return cli_usage("encode", "--quality is for --rc icq");
	if (c->features & 1U << HVCAL_FEATURE_LAYERS &&
	    (c->bframes || c->tune == HVCAL_TUNE_QUALITY))
		return cli_usage("encode", "--layers 2 goes neither with --bframes nor with --tune quality");
	if (c->base_percent && !(c->features & 1U << HVCAL_FEATURE_LAYERS))
		return cli_usage("encode", "--base-percent needs --layers 2");
	if (c->base_percent &&
	    (c->rate_control == HVCAL_RATE_CONTROL_ENGINE || c->rc_mode == HVCAL_RC_CQP ||
	     !(c->bitrate || c->max_bitrate)))
		return cli_usage("encode", "--base-percent needs a rate (--bitrate or --maxrate) that libhvcal controls");
	if (c->max_bitrate && c->max_bitrate < c->bitrate)
		return cli_usage("encode", "--maxrate is below --bitrate");
	return -1;
}

static int check_container(struct encode_options *o)
{
	bool pipe = !strcmp(o->output, "-");

	if (o->container == CONTAINER_NONE)
		o->container = pipe ? CONTAINER_PLAIN : container_by_path(o->output);
	if (o->container == CONTAINER_NONE)
		return cli_usage("encode", "%s: which kind of file? Use .mp4, .mkv, .ivf, .h264 ... "
				 "or --container", o->output);
	if (!(o->codec->containers & (1u << o->container)))
		return cli_usage("encode", "%s: a %s file cannot hold %s%s", o->output,
				 container_name(o->container), o->codec->name,
				 o->codec->containers & (1u << CONTAINER_IVF) ?
				 "; .ivf can" : "");
	if (pipe && (o->container == CONTAINER_MP4 || o->container == CONTAINER_MKV))
		return cli_usage("encode", "%s needs a file, standard output takes ivf and plain",
				 container_name(o->container));
	return -1;
}

int encode_options_parse(int argc, char **argv, struct encode_options *o)
{
	int option, ret;

	memset(o, 0, sizeof(*o));
	hvcal_config_default(&o->config, sizeof(o->config));
	o->codec = codec_by_name("h264");
	o->config.gop_size = 250;
	/* a file must be whole: what a dying engine had is coded again */
	o->config.on_loss = HVCAL_ON_LOSS_REISSUE;
	o->config.preset = 4;
	o->streams = 1;
	o->throughput = HVCAL_THROUGHPUT_BALANCED;
	o->depth = 8;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return CLI_OK;
		}
		if (option == ':')
			return cli_usage("encode", "%s needs a value", argv[optind - 1]);
		if (option == '?')
			return cli_usage("encode", "%s: no such option", argv[optind - 1]);
		ret = take_option(o, option);
		if (ret >= 0)
			return ret;
	}
	if (optind < argc)
		o->source.path = argv[optind++];
	if (optind < argc)
		return cli_usage("encode", "%s: only one input is possible", argv[optind]);
	ret = check(o);
	if (ret < 0)
		ret = check_container(o);
	o->config.codec = o->codec->fourcc;
	o->config.bit_depth = o->depth;
	return ret;
}

char *encode_output_name(const struct encode_options *o, uint32_t index)
{
	const char *at = strstr(o->output, "%d"), *slash, *after;
	char *name = NULL;

	if (o->streams == 1)
		return strdup(o->output);
	if (at) {
		after = at + 2;
	} else {
		slash = strrchr(o->output, '/');
		at = strrchr(slash ? slash : o->output, '.');
		if (!at)
			at = o->output + strlen(o->output);
		after = at;
	}
	if (asprintf(&name, "%.*s%s%u%s", (int)(at - o->output), o->output,
		     after == at ? "-" : "", index + 1, after) < 0)
		return NULL;
	return name;
}
