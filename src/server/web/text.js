// What the page says, in both languages. A test checks that neither lacks a key.
export const TEXTS = {
  en: {
    skip: 'Skip to content', chat: 'Chat', agent: 'Agent', fragments: 'Fragments', status: 'Status', language: 'Language', theme: 'Colours',
    theme_system: 'System', theme_light: 'Light', theme_dark: 'Dark', token_title: 'A token is needed',
    token_why: 'The server printed it when it started, or it is in the file given to it.', token: 'Token', ok: 'OK',
    message: 'Message', message_hint: 'Enter sends, Shift+Enter makes a line, Esc stops', send: 'Send', stop: 'Stop', clear: 'New conversation', again: 'Answer again',
    you: 'You', system: 'System message', temperature: 'Temperature', max_tokens: 'Longest answer, tokens', strength: 'Strength of {name}', none_yet: 'No fragments for this model yet: aicoder fragment shelf --build',
    late: 'Act from the last message on: what is before is read by the base once and shared', answering: 'Answering', done: 'Answer complete', stopped: 'Stopped', context: 'Context: {used} of {all} tokens',
    speed: '{n} tokens, {rate} tokens/s, first after {first} s, {reused} of {prompt} prompt tokens reused', copy: 'Copy', copied: 'Copied',
    task: 'Task', dir: 'Folder on the server (optional; allowed by --dir)', mode: 'Mode', auto: 'auto', direct: 'direct', run: 'Run', running: 'Running', apply: 'Apply the changes', applied: 'Applied: {files}', apply_sure: 'Write these changes into {dir}?',
    steps: 'Steps', changes: 'Changes', result: 'Result', verified: 'verified', ran: 'ran, not verified', not_run: 'not run', why: 'Why',
    load: 'Load', unload: 'Unload', loaded: 'loaded', not_loaded: 'not loaded', made_by: 'Made by', size: 'Size', evidence: 'Evidence', no_evidence: 'Nothing has been measured with this fragment.',
    suite: 'Suite', n: 'n', off: 'without', on: 'with', points: 'points', p: 'p', lanes: 'Lanes', requests: 'Requests', strength_own: 'Own strength', plot: 'Score without and with {name}, by suite',
    standing_not_judged: 'No suite has judged it: used only when named.', standing_helps: 'Helps beyond chance and harms nothing: used by default.',
    standing_no_difference_shown: 'No difference was shown: used only when named.', standing_helps_and_harms: 'Helps one suite and harms another: used only when named.', standing_harms: 'Harms beyond chance: used only when named.',
    refresh: 'Refresh', failed: 'It did not work: {why}', offline: 'The server does not answer.', empty: 'Nothing here yet.', details: 'Metrics',
  },
  ko: {
    skip: '본문으로 건너뛰기', chat: '대화', agent: '에이전트', fragments: '프래그먼트', status: '상태', language: '언어', theme: '색상',
    theme_system: '시스템', theme_light: '밝게', theme_dark: '어둡게', token_title: '토큰이 필요합니다',
    token_why: '서버를 시작할 때 출력되었거나, 서버에 지정한 파일에 있습니다.', token: '토큰', ok: '확인',
    message: '메시지', message_hint: 'Enter 보내기, Shift+Enter 줄 바꿈, Esc 중지', send: '보내기', stop: '중지', clear: '새 대화', again: '다시 답하기',
    you: '나', system: '시스템 메시지', temperature: '온도', max_tokens: '답변 최대 토큰', strength: '{name}의 강도', none_yet: '이 모델의 프래그먼트가 아직 없습니다: aicoder fragment shelf --build',
    late: '마지막 메시지부터 작용: 그 앞은 기본 모델이 한 번만 읽고 함께 씁니다', answering: '답하는 중', done: '답변 완료', stopped: '중지됨', context: '컨텍스트: {all} 중 {used} 토큰',
    speed: '{n} 토큰, 초당 {rate} 토큰, 첫 토큰까지 {first}초, 프롬프트 {prompt} 토큰 중 {reused} 재사용', copy: '복사', copied: '복사됨',
    task: '작업', dir: '서버의 폴더 (선택, --dir로 허용된 곳)', mode: '방식', auto: '자동', direct: '직접', run: '실행', running: '실행 중', apply: '변경 적용', applied: '적용됨: {files}', apply_sure: '이 변경을 {dir}에 쓸까요?',
    steps: '단계', changes: '변경', result: '결과', verified: '검증됨', ran: '실행됨, 검증 안 됨', not_run: '실행 안 됨', why: '이유',
    load: '올리기', unload: '내리기', loaded: '올라와 있음', not_loaded: '올라와 있지 않음', made_by: '만든 방법', size: '크기', evidence: '증거', no_evidence: '이 프래그먼트로 측정한 것이 없습니다.',
    suite: '평가', n: 'n', off: '없이', on: '함께', points: '점', p: 'p', lanes: '레인', requests: '요청', strength_own: '기본 강도', plot: '{name} 없이와 함께의 점수, 평가별',
    standing_not_judged: '아직 평가되지 않음: 지정할 때만 씁니다.', standing_helps: '우연 이상으로 도움이 되고 해가 없음: 기본으로 씁니다.',
    standing_no_difference_shown: '차이가 보이지 않음: 지정할 때만 씁니다.', standing_helps_and_harms: '한 평가에는 도움, 다른 평가에는 해: 지정할 때만 씁니다.', standing_harms: '우연 이상으로 해가 됨: 지정할 때만 씁니다.',
    refresh: '새로 고침', failed: '실패했습니다: {why}', offline: '서버가 응답하지 않습니다.', empty: '아직 아무것도 없습니다.', details: '지표',
  },
};

let language = 'en';
export function setLanguage(name) {
  language = TEXTS[name] ? name : 'en';
  document.documentElement.lang = language;
}
export const currentLanguage = () => language;
export function t(key, values = {}) {
  return (TEXTS[language][key] ?? key).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
