/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hvcal

#if !defined(HVCAL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HVCAL_TRACE_H

#include <linux/tracepoint.h>

#include "hvcal_internal.h"

DECLARE_EVENT_CLASS(hvcal_job,
	TP_PROTO(const struct hvcal_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__field(u64, client)
		__field(u32, session)
		__field(u64, job)
		__field(u32, engine)
		__field(u64, deadline)
	),
	TP_fast_assign(
		__entry->client = job->session->client->id;
		__entry->session = job->session->handle;
		__entry->job = job->id;
		__entry->engine = job->engine;
		__entry->deadline = job->ticket.deadline_ns;
	),
	TP_printk("client=%llu session=%u job=%llu engine=%u deadline=%llu",
		  __entry->client, __entry->session, __entry->job, __entry->engine,
		  __entry->deadline)
);

DEFINE_EVENT(hvcal_job, hvcal_job_submit,
	TP_PROTO(const struct hvcal_job *job),
	TP_ARGS(job)
);

DEFINE_EVENT(hvcal_job, hvcal_job_ready,
	TP_PROTO(const struct hvcal_job *job),
	TP_ARGS(job)
);

DEFINE_EVENT(hvcal_job, hvcal_job_timeout,
	TP_PROTO(const struct hvcal_job *job),
	TP_ARGS(job)
);

TRACE_EVENT(hvcal_job_dispatch,
	TP_PROTO(const struct hvcal_job *job, u64 now),
	TP_ARGS(job, now),
	TP_STRUCT__entry(
		__field(u64, client)
		__field(u32, session)
		__field(u64, job)
		__field(u32, engine)
		__field(s64, laxity)
		__field(u64, wait)
	),
	TP_fast_assign(
		__entry->client = job->session->client->id;
		__entry->session = job->session->handle;
		__entry->job = job->id;
		__entry->engine = job->engine;
		__entry->laxity = job->ticket.deadline_ns - now;
		__entry->wait = now - job->submit_ns;
	),
	TP_printk("client=%llu session=%u job=%llu engine=%u laxity_ns=%lld wait_ns=%llu",
		  __entry->client, __entry->session, __entry->job, __entry->engine,
		  __entry->laxity, __entry->wait)
);

TRACE_EVENT(hvcal_job_complete,
	TP_PROTO(const struct hvcal_job *job, int state),
	TP_ARGS(job, state),
	TP_STRUCT__entry(
		__field(u64, client)
		__field(u32, session)
		__field(u64, job)
		__field(u32, engine)
		__field(int, state)
		__field(int, status)
		__field(u64, bytes)
		__field(u64, service)
	),
	TP_fast_assign(
		__entry->client = job->session->client->id;
		__entry->session = job->session->handle;
		__entry->job = job->id;
		__entry->engine = job->engine;
		__entry->state = state;
		__entry->status = job->status;
		__entry->bytes = job->bytes;
		__entry->service = job->start_ns ? job->done_ns - job->start_ns : 0;
	),
	TP_printk("client=%llu session=%u job=%llu engine=%u state=%s status=%d bytes=%llu service_ns=%llu",
		  __entry->client, __entry->session, __entry->job, __entry->engine,
		  __print_symbolic(__entry->state,
				   { HVCAL_JOB_DONE, "done" },
				   { HVCAL_JOB_ERROR, "error" },
				   { HVCAL_JOB_TIMEDOUT, "timedout" },
				   { HVCAL_JOB_CANCELED, "canceled" }),
		  __entry->status, __entry->bytes, __entry->service)
);

/* OPEN and CLOSE, given to a provider and answered: what a move to another engine waits for. */
DECLARE_EVENT_CLASS(hvcal_control,
	TP_PROTO(const struct hvcal_work *work, int status),
	TP_ARGS(work, status),
	TP_STRUCT__entry(
		__field(u64, client)
		__field(u32, session)
		__field(u32, engine)
		__field(u32, type)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->client = work->binding->session->client->id;
		__entry->session = work->binding->session->handle;
		__entry->engine = work->binding->engine->id;
		__entry->type = work->type;
		__entry->status = status;
	),
	TP_printk("client=%llu session=%u engine=%u type=%s status=%d",
		  __entry->client, __entry->session, __entry->engine,
		  __print_symbolic(__entry->type,
				   { HVCAL_ITEM_OPEN, "open" },
				   { HVCAL_ITEM_CLOSE, "close" }),
		  __entry->status)
);

DEFINE_EVENT(hvcal_control, hvcal_control_dispatch,
	TP_PROTO(const struct hvcal_work *work, int status),
	TP_ARGS(work, status)
);

DEFINE_EVENT(hvcal_control, hvcal_control_complete,
	TP_PROTO(const struct hvcal_work *work, int status),
	TP_ARGS(work, status)
);

TRACE_EVENT(hvcal_admission,
	TP_PROTO(const struct hvcal_session *session, u32 engine, int decision),
	TP_ARGS(session, engine, decision),
	TP_STRUCT__entry(
		__field(u64, client)
		__field(u32, session)
		__field(u32, engine)
		__field(int, decision)
	),
	TP_fast_assign(
		__entry->client = session->client->id;
		__entry->session = session->handle;
		__entry->engine = engine;
		__entry->decision = decision;
	),
	TP_printk("client=%llu session=%u engine=%u decision=%d",
		  __entry->client, __entry->session, __entry->engine, __entry->decision)
);

TRACE_EVENT(hvcal_migrate,
	TP_PROTO(const struct hvcal_session *session, u32 from, u32 to),
	TP_ARGS(session, from, to),
	TP_STRUCT__entry(
		__field(u64, client)
		__field(u32, session)
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->client = session->client->id;
		__entry->session = session->handle;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("client=%llu session=%u from=%u to=%u",
		  __entry->client, __entry->session, __entry->from, __entry->to)
);

TRACE_EVENT(hvcal_provider_state,
	TP_PROTO(const struct hvcal_provider *provider),
	TP_ARGS(provider),
	TP_STRUCT__entry(
		__field(u64, provider)
		__field(int, state)
		__field(u32, overdue)
		__field(u32, missed)
	),
	TP_fast_assign(
		__entry->provider = provider->id;
		__entry->state = provider->state;
		__entry->overdue = provider->overdue;
		__entry->missed = provider->missed;
	),
	TP_printk("provider=%llu state=%s overdue=%u missed=%u", __entry->provider,
		  __print_symbolic(__entry->state,
				   { HVCAL_PROVIDER_LIVE, "live" },
				   { HVCAL_PROVIDER_SUSPECT, "suspect" },
				   { HVCAL_PROVIDER_DEAD, "dead" }),
		  __entry->overdue, __entry->missed)
);

#endif /* HVCAL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE hvcal_trace
#include <trace/define_trace.h>
