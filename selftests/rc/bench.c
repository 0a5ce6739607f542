// SPDX-License-Identifier: MIT
/* dev harness */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
static struct clip clips[8]; static unsigned nclips;
static void cache_hints(struct clip *c, const char *dir){
	char p[600]; snprintf(p,sizeof p,"%s/%s.hint",dir,c->name);
	FILE *f=fopen(p,"rb");
	if(f){ size_t n=fread(c->hints,sizeof(*c->hints),c->frames,f); fclose(f); if(n==c->frames) return; }
	hint_clip(c);
	f=fopen(p,"wb"); if(f){fwrite(c->hints,sizeof(*c->hints),c->frames,f);fclose(f);}
}
static void row(const char *tag,const struct job *j,const struct metrics *m){
	if(j->step_at) printf("%-5s %-5s step x%.2f vbv %4.0f d%u: settle %3u first %.2f backlog %4.0f use %.2f dip %5.1f win %.2f\n",j->clip->name,tag,j->step_rate/j->bitrate,j->vbv_ms,j->delay,m->settle,m->first,m->backlog_ms,m->use,m->dip,m->window);
	else printf("%-5s %-5s vbv %4.0f d%u: err %+5.1f%% win %.2f pmax %4.1f o3 %2u o8 %u q %4.0f viol %u key %.1f rough %.2f psnr %.2f ssim %.4f\n",j->clip->name,tag,j->vbv_ms,j->delay,100*m->error,m->window,m->p_max,m->over3,m->over8,m->queue_ms,m->violations,m->key,m->roughness,m->psnr,m->ssim);
	fflush(stdout);
}
int main(int argc,char **argv){
	const char *dir=argv[1], *cmd=argv[2]; const char *only=argc>3?argv[3]:"";
	char path[600],line[700]; snprintf(path,sizeof path,"%s/list",dir);
	FILE *f=fopen(path,"r"); while(f&&fgets(line,sizeof line,f)&&nclips<8) if(!clip_open(&clips[nclips],line)) nclips++;
	const char *tags[]={"ours","fqp","own"};
	for(unsigned i=0;i<nclips;i++){ struct clip*c=&clips[i];
		if(*only&&!strstr(only,c->name)) continue;
		cache_hints(c,dir);
		static struct trace t; struct metrics m;
		if(!strcmp(cmd,"cqp")) for(int qp=20;qp<=44;qp+=6){ struct job j={.clip=c,.enc=&encoder_x264,.who=WHO_CQP,.bitrate=qp,.vbv_ms=1000};
			run_job(&j,&t); for(unsigned k=0;k<t.frames;k++) printf("D %s %u %d %.0f %.4f %.4f %.1f\n",c->name,k,qp,t.bits[k],c->hints[k].inter_cost,c->hints[k].intra_cost,c->hints[k].cut); }
		if(!strcmp(cmd,"trace")){ struct job j={.delay=getenv("D")?atoi(getenv("D")):0,.clip=c,.enc=&encoder_x264,.who=argc>5?atoi(argv[5]):0,.bitrate=c->kbps*1000,.vbv_ms=argc>4?atof(argv[4]):200,.step_at=argc>6?c->frames/2:0,.step_rate=argc>6?c->kbps*1000*atof(argv[6]):0}; run_job(&j,&t);
			double B=j.bitrate/c->fps; for(unsigned k=0;k<t.frames;k++) printf("%3u qp %d size %.2f psnr %.2f inter %.2f intra %.2f cut %.0f\n",k,t.qp[k],t.bits[k]/B,10*log10(65025/t.mse[k]),c->hints[k].inter_cost,c->hints[k].intra_cost,c->hints[k].cut); measure(&t,&j,&m); row("x",&j,&m);}
		if(strchr(cmd,'S')) for(int w=0;w<(strchr(cmd,'o')?1:3);w++) for(int v=0;v<2;v++) for(unsigned d=0;d<(w?1:3);d+=2){ struct job j={.clip=c,.enc=strchr(cmd,'9')?&encoder_vp9:&encoder_x264,.who=w,.bitrate=c->kbps*1000,.vbv_ms=v?1000:200,.delay=d}; run_job(&j,&t); measure(&t,&j,&m); row(tags[w],&j,&m);}
		if(strchr(cmd,'T')) for(int w=0;w<(strchr(cmd,'o')?1:3);w++) for(int up=0;up<2;up++) for(unsigned d=0;d<(w?1:3);d+=2){ double r=c->kbps*1000; struct job j={.clip=c,.enc=strchr(cmd,'9')?&encoder_vp9:&encoder_x264,.who=w,.bitrate=up?r/4:r,.vbv_ms=200,.delay=d,.step_at=c->frames/2,.step_rate=up?r:r/4}; run_job(&j,&t); measure(&t,&j,&m); row(tags[w],&j,&m);}
		if(strchr(cmd,'B')) for(int v=0;v<2;v++){ double R[3][4],Q[3][4],S[3][4]; for(int w=0;w<3;w++) for(int k=0;k<4;k++){ double mul[]={.5,.75,1.2,2}; struct job j={.clip=c,.enc=strchr(cmd,'9')?&encoder_vp9:&encoder_x264,.who=w,.bitrate=c->kbps*1000*mul[k],.vbv_ms=v?1000:200}; run_job(&j,&t); measure(&t,&j,&m); R[w][k]=m.kbps;Q[w][k]=m.psnr;S[w][k]=m.ssim;}
			printf("%-5s BD vbv %4d: ours/own psnr %+.1f ssim %+.1f; fqp/own %+.1f %+.1f\n",c->name,v?1000:200,bd_rate(R[2],Q[2],R[0],Q[0],4),bd_rate(R[2],S[2],R[0],S[0],4),bd_rate(R[2],Q[2],R[1],Q[1],4),bd_rate(R[2],S[2],R[1],S[1],4)); fflush(stdout);}
	}
	return 0;
}
